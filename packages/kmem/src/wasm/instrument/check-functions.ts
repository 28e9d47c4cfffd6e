import { WORD_BYTES } from "../../memory/layout.ts";
import { CodeWriter } from "../binary/code-writer.ts";
import { Op, Type } from "../binary/layout.ts";
import type { CheckKind, CheckLayout } from "./check-plan.ts";
import {
  AccessKind,
  ALL_UNDEFINED,
  CheckHeader,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  OUTSIDE_SITE,
  RING_MASK,
  SITE_BYTES,
  UNDEFINED_SHIFT,
} from "./layout.ts";

const I32_NE = 0x47;
const I32_LT_U = 0x49;
const I32_LE_U = 0x4d;
const I32_SHL = 0x74;
const I32_SHR_U = 0x76;
const I32_XOR = 0x73;

const KIND_BITS: Readonly<Record<CheckKind, number>> = {
  load: AccessKind.LOAD,
  store: AccessKind.STORE,
  copy: AccessKind.COPY,
};

/** The locals of a checker: its parameters, what stands in the cell, and how many bytes may be used. */
const [ADDRESS, SITE, FRAME, CELL, LIMIT, BITS] = [0, 1, 2, 3, 4, 5];

/** The parameters of a checker, all i32: the address, the site, and the place in the ring for it. */
export const CHECKER_PARAMETERS: readonly number[] = [Type.I32, Type.I32, Type.I32];

/**
 * The body of a function that looks closer where a cell is not 0: at blocks that end within the cell, and at loads that
 * begin in a block and end after it, as the string functions of C libraries have them: aligned, of a word at least, and
 * no mere copies. All that it does not know it hands to `import check_access`.
 */
export function checkerBody(
  is64: boolean,
  layout: CheckLayout,
  sizeBytes: number,
  kind: CheckKind,
  importIndex: number,
): Uint8Array {
  const writer = new CodeWriter(is64);
  writer.byte(1, 3, Type.I32);
  if (sizeBytes <= GRANULE_BYTES) {
    cellAddress(writer, layout).load(1 << layout.cellShift, layout.shadowAt);
    writer.tee(CELL).i32(ALL_UNDEFINED).op(Op.I32_AND).set(LIMIT);
    writer.i32(GRANULE_BYTES).get(LIMIT).get(LIMIT).op(Op.I32_EQZ).op(Op.SELECT).tee(LIMIT);
    writer.i32(GRANULE_BYTES).op(I32_LE_U);
    inGranule(writer).i32(sizeBytes).op(Op.I32_ADD).get(LIMIT).op(I32_LE_U);
    if (kind === "load" && sizeBytes >= WORD_BYTES) {
      writer
        .get(ADDRESS)
        .i32(sizeBytes - 1)
        .op(Op.I32_AND)
        .op(Op.I32_EQZ);
      inGranule(writer).get(LIMIT).op(I32_LT_U).op(Op.I32_AND).op(Op.I32_OR);
    }
    writer.op(Op.I32_AND).ifPlain();
    if (layout.cellShift === 0 || kind === "copy") writer.op(Op.RETURN);
    else undefinedPart(writer, layout, sizeBytes, kind);
    writer.end();
  }
  writer.get(ADDRESS).i32(sizeBytes | KIND_BITS[kind]);
  return writer.get(SITE).get(FRAME).call(importIndex).end().written;
}

function cellAddress(writer: CodeWriter, { cellShift }: CheckLayout): CodeWriter {
  return writer.get(ADDRESS).asAddress().shiftedRight(GRANULE_SHIFT).shiftedLeft(cellShift);
}

function inGranule(writer: CodeWriter): CodeWriter {
  return writer
    .get(ADDRESS)
    .i32(GRANULE_BYTES - 1)
    .op(Op.I32_AND);
}

/**
 * A load of nothing but bytes that were never written goes on to the import; a store makes its bytes defined, unless it
 * is to memory that the program has added beyond the heap's maximum, whose cells would lie in the heap.
 */
function undefinedPart(writer: CodeWriter, layout: CheckLayout, sizeBytes: number, kind: CheckKind): void {
  const bits = (): CodeWriter => inGranule(writer.i32(2 ** sizeBytes - 1)).op(I32_SHL);
  if (kind === "load") {
    writer.get(CELL).i32(UNDEFINED_SHIFT).op(I32_SHR_U);
    bits().tee(BITS).op(Op.I32_AND).get(BITS).op(I32_NE).ifPlain().op(Op.RETURN).end();
    return;
  }
  writer
    .get(ADDRESS)
    .address(0)
    .loadWord(layout.headerAt + CheckHeader.COVERED)
    .op(I32_LT_U)
    .ifPlain();
  cellAddress(writer, layout).get(CELL).i32(UNDEFINED_SHIFT).op(I32_SHR_U);
  bits()
    .i32(ALL_UNDEFINED)
    .op(I32_XOR)
    .op(Op.I32_AND)
    .storeByte(layout.shadowAt + 1);
  writer.op(Op.RETURN).end();
}

/** From where a function is called that has another in its place: see {@link entryBody}. */
export type EntryKind = "exported" | "in a table";

/**
 * The body of a function that stands in place of another where JavaScript can call it, and calls it. What is exported
 * is called by JavaScript only, which it notes. What is in a table the program calls, too: its stack goes on, and ends
 * where it did before.
 */
export function entryBody(
  is64: boolean,
  layout: CheckLayout,
  parameterCount: number,
  functionIndex: number,
  kind: EntryKind,
): Uint8Array {
  const writer = new CodeWriter(is64);
  const next = layout.headerAt + CheckHeader.NEXT;
  const frame = parameterCount;
  writer.byte(1, 1, Type.I32);
  writer.address(0).loadWord(next).i32(RING_MASK).op(Op.I32_AND).set(frame);
  if (kind === "exported") {
    writer.get(frame).asAddress().i32(OUTSIDE_SITE).storeWord(layout.ringAt);
    writer.address(0).get(frame).i32(SITE_BYTES).op(Op.I32_ADD).storeWord(next);
  }
  for (let parameter = 0; parameter < parameterCount; parameter++) writer.get(parameter);
  writer.call(functionIndex).address(0).get(frame).storeWord(next);
  return writer.end().written;
}
