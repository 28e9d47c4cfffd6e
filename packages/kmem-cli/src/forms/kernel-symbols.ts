import { latin1 } from "../trace/line-scan.ts";

const LINE_FEED = 0x0a;
const LINE_LENGTH_MAX = 512;
/** `ffffffff81000000 T _text [module]`: code alone. */
const SYMBOL = /^([0-9a-f]{8,16}) [tTwW] ([^\s$]\S{0,255})(?:\s+(\[[^\]\s]{1,64}\]))?\s*$/;
const HEX = 16;
const HALF_BITS = 32n;
/** No function is as long; what lies as far after one is in none. */
const FUNCTION_BYTES_MAX = 0x100_0000n;

/** The functions of a kernel by their addresses, as /proc/kallsyms has them. */
export class KernelSymbols {
  readonly #addresses: BigUint64Array;
  readonly #names: readonly string[];

  /** Lines without an address, as a kernel that hides them prints them, are left out. */
  constructor(kallsyms: Uint8Array) {
    const found: { readonly address: bigint; readonly name: string }[] = [];
    for (let start = 0; start < kallsyms.length; ) {
      const feed = kallsyms.indexOf(LINE_FEED, start);
      const end = feed < 0 ? kallsyms.length : feed;
      if (end - start <= LINE_LENGTH_MAX) {
        const [, digits, name, module] = SYMBOL.exec(latin1(kallsyms, start, end)) ?? [];
        const address = digits === undefined ? 0n : BigInt(`0x${digits}`);
        if (address !== 0n) found.push({ address, name: module === undefined ? name! : `${name} ${module}` });
      }
      start = end + 1;
    }
    // The functions of modules come after the kernel's, wherever they lie.
    found.sort((a, b) => (a.address < b.address ? -1 : Number(a.address > b.address)));
    this.#addresses = BigUint64Array.from(found, ({ address }) => address);
    this.#names = found.map(({ name }) => name);
  }

  /** A place in the kernel: the function and the offset in it, or the address where no function is known. */
  nameOf(high: number, low: number): string {
    const address = (BigInt(high >>> 0) << HALF_BITS) | BigInt(low >>> 0);
    const index = this.#find(address);
    const offset = index < 0 ? FUNCTION_BYTES_MAX : address - this.#addresses[index]!;
    if (offset >= FUNCTION_BYTES_MAX) return `0x${address.toString(HEX)}`;
    const [name, module] = this.#names[index]!.split(" ");
    const place = `${name}+0x${offset.toString(HEX)}`;
    return module === undefined ? place : `${place} ${module}`;
  }

  /** The last function that begins at the address or before it; -1 where there is none. */
  #find(address: bigint): number {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
