import protobuf from "protobufjs";

/** The part of pprof's format that heap profiles use. Other fields would come out as unknown, and fail the tests. */
const DEFINITION = `
  syntax = "proto3";
  message Profile {
    repeated ValueType sample_type = 1; repeated Sample sample = 2; repeated Mapping mapping = 3;
    repeated Location location = 4; repeated Function function = 5; repeated string string_table = 6;
    int64 drop_frames = 7; int64 keep_frames = 8; int64 time_nanos = 9; int64 duration_nanos = 10;
    ValueType period_type = 11; int64 period = 12; repeated int64 comment = 13; int64 default_sample_type = 14;
  }
  message ValueType { int64 type = 1; int64 unit = 2; }
  message Sample { repeated uint64 location_id = 1; repeated int64 value = 2; repeated Label label = 3; }
  message Label { int64 key = 1; int64 str = 2; int64 num = 3; int64 num_unit = 4; }
  message Mapping { uint64 id = 1; }
  message Location { uint64 id = 1; uint64 mapping_id = 2; uint64 address = 3; repeated Line line = 4; }
  message Line { uint64 function_id = 1; int64 line = 2; int64 column = 3; }
  message Function { uint64 id = 1; int64 name = 2; int64 system_name = 3; int64 filename = 4; int64 start_line = 5; }
`;

const profileType = protobuf.parse(DEFINITION).root.lookupType("Profile");

/** A number of the message as text, exact however large. */
type Int64 = string;

interface PprofMessage {
  readonly sampleType: readonly { readonly type: Int64; readonly unit: Int64 }[];
  readonly sample: readonly {
    readonly locationId: readonly Int64[];
    readonly value: readonly Int64[];
    readonly label: readonly Readonly<Record<"key" | "str" | "num" | "numUnit", Int64>>[];
  }[];
  readonly mapping: readonly unknown[];
  readonly location: readonly {
    readonly id: Int64;
    readonly line: readonly Readonly<Record<"functionId" | "line" | "column", Int64>>[];
  }[];
  readonly function: readonly Readonly<Record<"id" | "name" | "systemName" | "filename", Int64>>[];
  readonly stringTable: readonly string[];
  readonly timeNanos: Int64;
  readonly durationNanos: Int64;
  readonly periodType: { readonly type: Int64; readonly unit: Int64 };
  readonly period: Int64;
  readonly defaultSampleType: Int64;
}

export interface ReadPprof {
  readonly message: PprofMessage;
  readonly sampleTypes: readonly string[];
  readonly periodType: string;
  readonly defaultSampleType: string;
  readonly samples: readonly {
    /** Innermost first: `name url:line:column`. */
    readonly stack: readonly string[];
    readonly values: readonly number[];
    /** As pprof's own reader has them: numeric ones with their unit. */
    readonly labels: Readonly<Record<string, string>>;
  }[];
}

/** Reads a profile with a library for the format, and puts the strings in. Numbers that lead nowhere throw. */
export function readPprof(bytes: Uint8Array): ReadPprof {
  const decoded = profileType.decode(bytes);
  const message = profileType.toObject(decoded, { longs: String, defaults: true, arrays: true }) as PprofMessage;
  const text = (index: Int64): string => required(message.stringTable[Number(index)], "string");
  const functions = new Map(message.function.map((entry) => [entry.id, entry]));
  const locations = new Map(message.location.map((entry) => [entry.id, entry]));
  const frame = (id: Int64): string => {
    const [{ functionId, line, column }] = required(locations.get(id), "location").line;
    const { name, filename } = required(functions.get(functionId), "function");
    return `${text(name)} ${text(filename)}:${line}:${column}`;
  };
  return {
    message,
    sampleTypes: message.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`),
    periodType: `${text(message.periodType.type)}/${text(message.periodType.unit)}`,
    defaultSampleType: text(message.defaultSampleType),
    samples: message.sample.map(({ locationId, value, label }) => ({
      stack: locationId.map(frame),
      values: value.map(Number),
      labels: Object.fromEntries(
        label.map(({ key, str, num, numUnit }) => [text(key), str === "0" ? `${num} ${text(numUnit)}` : text(str)]),
      ),
    })),
  };
}

function required<Entry>(entry: Entry | undefined, what: string): Entry {
  if (entry === undefined) throw new Error(`the profile names a ${what} that it does not have`);
  return entry;
}
