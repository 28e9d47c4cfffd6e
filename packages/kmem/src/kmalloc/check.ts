import { KmemError } from "../memory/errors.ts";
import { type Finding, type Report, reporter } from "../memory/finding.ts";
import { readHeader } from "../memory/header.ts";
import { GRANULE, PAGE_SIZE } from "../memory/layout.ts";
import { checkPages } from "../pages/check.ts";
import { FrameKind, RunKind } from "../pages/layout.ts";
import { checkSlabs } from "../slab/check.ts";
import { isLive, Tag } from "../slab/layout.ts";
import { tagIndex } from "../slab/tags.ts";
import type { Layers } from "./layers.ts";

/** What a check found. */
export interface CheckReport {
  readonly isClean: boolean;
  readonly findings: readonly Finding[];
}

/** Verifies every invariant of every layer. Reads only; ends on any bytes. O(heap). */
export function checkLayers(layers: Layers): CheckReport {
  const findings: Finding[] = [];
  checkHeader(layers, reporter(findings, "header"));
  checkPages(layers.pages, reporter(findings, "pages"));
  checkSlabs(layers, reporter(findings, "slab"));
  checkRunTags(layers, reporter(findings, "kmalloc"));
  return { isClean: findings.length === 0, findings };
}

function checkHeader(layers: Layers, report: Report): void {
  const start = layers.geometry.baseFrame * PAGE_SIZE;
  try {
    readHeader(layers.memory, start);
  } catch (error) {
    if (!(error instanceof KmemError)) throw error;
    report(start, error.message);
  }
}

/** Outside of slabs a tag may stand in one place only: at the start of a live block that is a run of pages. */
function checkRunTags(layers: Layers, report: Report): void {
  const { memory, geometry, pages } = layers;
  const { bytes } = memory;
  if (bytes[geometry.tagTable] !== Tag.RESERVED) report(geometry.tagTable, "the header's tag is not reserved");
  for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; frame++) {
    const kind = pages.frames.kind(frame);
    if (kind >= FrameKind.FIRST_CACHE) continue;
    const address = frame * PAGE_SIZE;
    const first = tagIndex(geometry, address);
    for (let granule = 0; granule < PAGE_SIZE / GRANULE; granule++) {
      const tag = bytes[first + granule];
      const isBlockStart = kind === RunKind.BLOCK && granule === 0;
      if (isBlockStart && !isLive(tag)) report(address, "a run of pages for a block carries no live tag");
      if (!isBlockStart && tag !== Tag.NONE)
        report(address + granule * GRANULE, `a tag (${tag}) where no block starts`);
    }
  }
}
