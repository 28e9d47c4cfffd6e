import type { ZoneStats } from "../pages/zone.ts";
import { right } from "./format.ts";

/** The node of all memory. */
const NODE = 0;
const WIDTH = { ZONE: 8, COUNT: 6 } as const;

/** The text of /proc/buddyinfo: a line for each zone that has pages, each with a blank at its end. */
export function buddyinfoText(zones: readonly ZoneStats[]): string {
  return zones
    .filter(({ pages }) => pages > 0)
    .map(({ name, freeBlocksByOrder }) => {
      const counts = freeBlocksByOrder.map((count) => `${right(count, WIDTH.COUNT)} `);
      return `Node ${NODE}, zone ${right(name, WIDTH.ZONE)} ${counts.join("")}\n`;
    })
    .join("");
}
