/** The calls of a heap that give blocks and take them back; each heap publishes its own. */
export interface BlockCalls {
  alloc: (sizeBytes: number) => number;
  tryAlloc: (sizeBytes: number) => number;
  free: (address: number) => void;
}
