import { InvalidArgumentError, Option } from "commander";

/** A whole number from `least`, and to `most` where there is a most. */
export function parseCount(text: string, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= least && count <= most) return count;
  const limit = most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`;
  throw new InvalidArgumentError(`It is a whole number from ${least}${limit}.`);
}

const OP_COUNT_FACTORS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6 };

/** A count of operations: `5000`, `500K`, `100M`. */
export function parseOpCount(text: string): number {
  const match = /^(\d+)([KM]?)$/i.exec(text);
  const count = match === null ? 0 : Number(match[1]) * OP_COUNT_FACTORS[match[2]!.toUpperCase()]!;
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError("It is a whole number from 1, as 5000, 500K or 100M.");
}

const SIZE_FACTORS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** A number of bytes up to `most`: `65536`, `64K`, `64M`, `2G`. */
export function parseSize(text: string, most: number): number {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  const bytes = match === null ? 0 : Number(match[1]) * SIZE_FACTORS[match[2]!.toUpperCase()]!;
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes <= most) return bytes;
  throw new InvalidArgumentError(`It is a number of bytes from 1 to ${most}, as 65536, 64M or 2G.`);
}

const EXIT_CODE_MAX = 255;

/** The option that sets the exit code of a finding, so that a script can tell it from a failure to look. */
export function errorExitcodeOption(finding: string): Option {
  return new Option("--error-exitcode <code>", `the exit code when ${finding}`).argParser((text) =>
    parseCount(text, 1, EXIT_CODE_MAX),
  );
}
