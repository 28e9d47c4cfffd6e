/**
 * As much of Node's Buffer as the readers of traces use, for a browser: the bundler puts it in the place of
 * `node:buffer`.
 */
class TextBytes extends Uint8Array {
  override toString(encoding = "utf8"): string {
    if (encoding !== "latin1") return new TextDecoder().decode(this);
    let text = "";
    for (let at = 0; at < this.length; at += CODES_AT_A_TIME) {
      text += String.fromCharCode(...this.subarray(at, at + CODES_AT_A_TIME));
    }
    return text;
  }
}

/** Arguments that a function can have in every engine. */
const CODES_AT_A_TIME = 8192;

function fromText(text: string, isLatin1: boolean): TextBytes {
  if (!isLatin1) return new TextBytes(new TextEncoder().encode(text));
  const bytes = new TextBytes(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

function from(source: string | ArrayBufferLike, ...rest: readonly unknown[]): TextBytes {
  if (typeof source === "string") return fromText(source, rest[0] === "latin1");
  const [offset = 0, length] = rest as [number?, number?];
  return new TextBytes(source as ArrayBuffer, offset, length);
}

/** All bytes of some arrays, one after the other. */
function concat(parts: readonly Uint8Array[]): TextBytes {
  const whole = new TextBytes(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The functions of Buffer that are used. */
export const Buffer: { readonly from: typeof from; readonly concat: typeof concat } = { from, concat };

// The readers name it as Node has it, without an import.
Object.assign(globalThis, { Buffer });
