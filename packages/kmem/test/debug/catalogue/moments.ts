import type { CatalogueCase } from "./case.ts";

type Found = Pick<CatalogueCase, "found" | "isChecked" | "plain" | "letter">;

/** A write next to a live object. */
export const NEXT_TO_LIVE: Found = { letter: "Z", found: "at free", isChecked: true, plain: "never" };
/** A write into a freed object. */
export const INTO_FREED: Found = { letter: "P", found: "out of quarantine", isChecked: true, plain: "never" };
/** A write next to a freed object. */
export const NEXT_TO_FREED: Found = { letter: "Z", found: "out of quarantine", isChecked: true, plain: "never" };
/** A call that every heap refuses. */
export const REFUSED: Found = { found: "at once", isChecked: false, plain: "at once" };
/** What no heap can see. */
export const UNSEEN: Found = { found: "never", isChecked: false, plain: "never" };
