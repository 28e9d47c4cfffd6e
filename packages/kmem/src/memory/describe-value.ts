/** How much of a string stands in a message. */
const SHOWN_CHARACTERS = 60;

/** A short text for a value of any type, for messages. It never throws, whatever the value does when it is read. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : `an object of ${className(value)} class`;
    default:
      return String(value);
  }
}

function className(value: object): string {
  try {
    const name: unknown = value.constructor?.name;
    return typeof name === "string" ? name.slice(0, SHOWN_CHARACTERS) : "no";
  } catch {
    return "unknown";
  }
}
