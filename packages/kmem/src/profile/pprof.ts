import { reading } from "../memory/arguments.ts";
import { frameKey, frameName, knownStack, Numbering } from "./frames.ts";
import {
  type AllocationProfile,
  PROFILE_FIGURES,
  type ProfileFigure,
  type ProfileSample,
  requireProfile,
  type StackFrame,
} from "./profile.ts";
import { ProtobufMessage } from "./protobuf.ts";

// The numbers of the fields that are written, by the messages of profile.proto.
const ProfileField = {
  SAMPLE_TYPE: 1,
  SAMPLE: 2,
  LOCATION: 4,
  FUNCTION: 5,
  STRING_TABLE: 6,
  TIME_NANOS: 9,
  DURATION_NANOS: 10,
  PERIOD_TYPE: 11,
  PERIOD: 12,
  DEFAULT_SAMPLE_TYPE: 14,
} as const;
const ValueTypeField = { TYPE: 1, UNIT: 2 } as const;
const SampleField = { LOCATION_ID: 1, VALUE: 2, LABEL: 3 } as const;
const LabelField = { KEY: 1, STR: 2, NUM: 3, NUM_UNIT: 4 } as const;
const LocationField = { ID: 1, LINE: 4 } as const;
const LineField = { FUNCTION_ID: 1, LINE: 2, COLUMN: 3 } as const;
const FunctionField = { ID: 1, NAME: 2, SYSTEM_NAME: 3, FILENAME: 4 } as const;

/** What pprof calls the figures of a heap profile, and their units. */
const SAMPLE_TYPES: Readonly<Record<ProfileFigure, readonly [type: string, unit: string]>> = {
  allocCount: ["alloc_objects", "count"],
  allocBytes: ["alloc_space", "bytes"],
  liveCount: ["inuse_objects", "count"],
  liveBytes: ["inuse_space", "bytes"],
};
const DEFAULT_SAMPLE_TYPE = "inuse_space";
const PERIOD_TYPE = ["space", "bytes"] as const;

const NANOSECONDS_PER_MS = 1_000_000;

/**
 * A profile for pprof, and for all that read its format (Pyroscope, Polar Signals, Datadog, speedscope): the bytes of
 * a `profile.proto` message with the sample types alloc_objects, alloc_space, inuse_objects and inuse_space. Files on
 * a disk are expected to be compressed: see `gzipped`.
 *
 * Labels become labels of the samples: whole numbers numeric ones, whose unit is bytes where the label's name ends so
 * and else the label's name, as pprof itself would guess. Empty labels are left out, as the format cannot tell them
 * from none. Throws `BAD_ARGUMENT` for a profile with impossible numbers. O(frames).
 */
export function pprofBytes(profile: AllocationProfile): Uint8Array<ArrayBuffer> {
  requireProfile(profile);
  return reading("profile", profile, () => messageBytes(profile));
}

function messageBytes(profile: AllocationProfile): Uint8Array<ArrayBuffer> {
  const tables = new Tables();
  const message = new ProtobufMessage();
  for (const figure of PROFILE_FIGURES) {
    message.message(ProfileField.SAMPLE_TYPE, valueType(tables, SAMPLE_TYPES[figure]));
  }
  for (const sample of profile.samples) message.message(ProfileField.SAMPLE, sampleMessage(tables, sample));
  for (const [index, location] of tables.locations.items.entries()) {
    message.message(ProfileField.LOCATION, locationMessage(index + 1, location));
  }
  for (const [index, { name, filename }] of tables.functions.items.entries()) {
    const written = new ProtobufMessage().integer(FunctionField.ID, index + 1);
    written.integer(FunctionField.NAME, name).integer(FunctionField.SYSTEM_NAME, name);
    message.message(ProfileField.FUNCTION, written.integer(FunctionField.FILENAME, filename));
  }
  message
    .integer(ProfileField.TIME_NANOS, nanoseconds(profile.startedAtMs))
    .integer(ProfileField.DURATION_NANOS, nanoseconds(profile.durationMs))
    .message(ProfileField.PERIOD_TYPE, valueType(tables, PERIOD_TYPE))
    .integer(ProfileField.PERIOD, profile.samplePeriodBytes ?? 1)
    .integer(ProfileField.DEFAULT_SAMPLE_TYPE, tables.string(DEFAULT_SAMPLE_TYPE));
  // Last, when every string is known; readers do not ask for the order.
  for (const text of tables.strings.items) message.text(ProfileField.STRING_TABLE, text);
  return message.toBytes();
}

interface FunctionEntry {
  readonly name: number;
  readonly filename: number;
}

interface LocationEntry {
  readonly functionId: number;
  readonly line: number;
  readonly column: number;
}

/** Strings, functions and places, each once. Strings count from 0, which is the empty one; the others from 1. */
class Tables {
  readonly strings: Numbering<string> = new Numbering();
  readonly functions: Numbering<FunctionEntry> = new Numbering();
  readonly locations: Numbering<LocationEntry> = new Numbering();

  constructor() {
    this.string("");
  }

  string(text: string): number {
    const wellFormed = text.toWellFormed();
    return this.strings.numberOf(wellFormed, wellFormed);
  }

  locationId(frame: StackFrame): number {
    const name = this.string(frameName(frame));
    const filename = this.string(frame.url);
    const functionId = this.functions.numberOf(`${name} ${filename}`, { name, filename }) + 1;
    const { line, column } = frame;
    return this.locations.numberOf(frameKey(frame), { functionId, line, column }) + 1;
  }
}

function valueType(tables: Tables, [type, unit]: readonly [string, string]): ProtobufMessage {
  return new ProtobufMessage()
    .integer(ValueTypeField.TYPE, tables.string(type))
    .integer(ValueTypeField.UNIT, tables.string(unit));
}

function sampleMessage(tables: Tables, sample: ProfileSample): ProtobufMessage {
  const locationIds = knownStack(sample).map((frame) => tables.locationId(frame));
  const values = PROFILE_FIGURES.map((figure) => sample[figure]);
  const message = new ProtobufMessage()
    .integers(SampleField.LOCATION_ID, locationIds)
    .integers(SampleField.VALUE, values);
  for (const [key, value] of Object.entries(sample.labels ?? {})) {
    if (key === "" || value === "") continue;
    message.message(SampleField.LABEL, labelMessage(tables, key, value));
  }
  return message;
}

function labelMessage(tables: Tables, key: string, value: string | number): ProtobufMessage {
  const label = new ProtobufMessage().integer(LabelField.KEY, tables.string(key));
  if (!Number.isSafeInteger(value)) return label.integer(LabelField.STR, tables.string(`${value}`));
  // Without a unit pprof would take a label of 0 for none.
  const unit = /bytes$/i.test(key) ? "bytes" : key;
  return label.integer(LabelField.NUM, value as number).integer(LabelField.NUM_UNIT, tables.string(unit));
}

function locationMessage(id: number, { functionId, line, column }: LocationEntry): ProtobufMessage {
  const written = new ProtobufMessage().integer(LineField.FUNCTION_ID, functionId).integer(LineField.LINE, line);
  if (column > 0) written.integer(LineField.COLUMN, column);
  return new ProtobufMessage().integer(LocationField.ID, id).message(LocationField.LINE, written);
}

/** Whole milliseconds and the rest apart: a date in nanoseconds is beyond what a number holds exactly. */
function nanoseconds(timeMs: number): bigint {
  const wholeMs = Math.floor(timeMs);
  const restNanoseconds = Math.floor((timeMs - wholeMs) * NANOSECONDS_PER_MS);
  return BigInt(wholeMs) * BigInt(NANOSECONDS_PER_MS) + BigInt(restNanoseconds);
}
