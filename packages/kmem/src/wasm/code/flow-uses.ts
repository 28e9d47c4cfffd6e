/** A value: what it was made from, and the number that was added. Of a constant the number is all. */
export interface FlowValue {
  readonly origin: number;
  readonly plus: number;
}

/** The origin of constants. */
export const CONSTANT = -1;

/** A call of a function. */
export interface FlowCall {
  readonly callee: number;
  readonly given: readonly FlowValue[];
  /** What it returned, where that is one value. */
  readonly result: FlowValue | undefined;
}

/** What is done with the values of a function. */
export interface FlowUses {
  /** Where is loaded from and stored to, with the offset of the instruction added, and what is stored. */
  readonly addresses: { readonly value: FlowValue; readonly isStore: boolean; readonly stored: readonly FlowValue[] }[];
  /** What functions are called, and with what. */
  readonly calls: FlowCall[];
  /** What memory.copy is handed: where to, where from, and how much. */
  readonly copies: (readonly FlowValue[])[];
  /** Whether it does what no value shows: it uses a global, calls through a table, fills memory, or grows it. */
  usesGlobals: boolean;
  callsIndirect: boolean;
  fillsMemory: boolean;
  growsMemory: boolean;
  /** What is stored, and what functions and instructions that copy or fill memory are handed. */
  readonly handedOn: FlowValue[];
  /** What is returned. */
  readonly results: FlowValue[];
  /** Values and the constants that they are masked with. */
  readonly masked: { readonly value: FlowValue; readonly mask: number }[];
  /** Values and the constants that they are compared with: whether they are larger, or smaller. */
  readonly compared: { readonly value: FlowValue; readonly constant: number }[];
}
