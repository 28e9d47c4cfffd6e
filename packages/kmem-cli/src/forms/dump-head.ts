import { dumpByteLength, KmemError } from "kmem";

/** As many first bytes as tell a dump of a heap from anything else. */
export const DUMP_HEAD_BYTES = 32;

/** Whether the first bytes of a file are those of a dump, of whatever version. */
export function startsAsDump(head: Uint8Array): boolean {
  try {
    return head.length >= DUMP_HEAD_BYTES && (dumpByteLength(head) ?? 1) > 0;
  } catch (error) {
    return error instanceof KmemError && error.code !== "NOT_A_HEAP" && error.code !== "BAD_ARGUMENT";
  }
}
