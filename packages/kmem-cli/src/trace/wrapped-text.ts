import { KERNEL_EVENT_NAMES } from "./kernel-events.ts";

/** Fields that the events of kmem have, whatever the kernel. */
const FIELD = "(?:call_site|ptr|bytes_req|bytes_alloc|gfp_flags|node|accounted|page|pfn|order|migratetype|cold|name)";
const STARTS_FIELD = new RegExp(`^${FIELD}=`);
const HOLDS_FIELD = new RegExp(`(?:^|\\s)${FIELD}=`);
const STARTS_EVENT = new RegExp(`^(?:kmem:)?(?:${KERNEL_EVENT_NAMES.join("|")}):`);
/** A value in which one digit more or less would be another event. */
const ENDS_IN_NEEDED_VALUE = /(?:^|\s)(?:ptr|pfn|bytes_req|bytes_alloc|order)=(?:0x)?(?:[0-9a-f]+|(?<=0x))$/i;
const DIGITS = /^x?[0-9a-f]{1,16}(?=$|\s)/i;
/** Nothing, or a field's name that was cut in its turn. */
const IS_WORD = /^[a-z_]*$/;
/** What else the rest of an event may begin with: `(72)`, the offset of a call site, its module, flags. */
const STARTS_TAIL = /^(?:\(|\+0x|\[|\*\/|\|?(?:__)?GFP_|(?:true|false)\b)/;

/** Whether a text ends in an address or a number that an event depends on. */
export function endsInNeededValue(text: string): boolean {
  return ENDS_IN_NEEDED_VALUE.test(text);
}

/**
 * Whether a line goes on with the number in which the one before it ended.
 *
 * @param isIndented whether it stands further in: then it is a call chain where the event before it was complete.
 */
export function cutsNumber(next: string, isIndented: boolean, isComplete: boolean): boolean {
  const digits = DIGITS.exec(next);
  if (digits === null) return false;
  const rest = next.slice(digits[0].length).trimStart();
  if (!IS_WORD.test(rest) && !STARTS_FIELD.test(rest) && !STARTS_TAIL.test(rest)) return false;
  return !(isIndented && isComplete);
}

/** What stands between a line and the one that goes on with it: nothing where a word was cut. */
export function glueOf(text: string, next: string): "" | " " {
  const last = text.slice(text.lastIndexOf(" ") + 1);
  if (last.endsWith("=")) return "";
  const first = /^\S*/.exec(next)![0];
  if (last.includes("=") || first === "" || STARTS_EVENT.test(last)) return " ";
  const word = last + first;
  return !STARTS_FIELD.test(first) && (STARTS_FIELD.test(word) || STARTS_EVENT.test(word)) ? "" : " ";
}

/** Whether a line without an event of its own is the rest of one. */
export function isTail(text: string): boolean {
  const trimmed = text.trimStart();
  return STARTS_TAIL.test(trimmed) || HOLDS_FIELD.test(trimmed);
}
