import { AddressTable, NOT_FOUND } from "./address-table.ts";
import { type NameTable, NO_NAME } from "./name-table.ts";
import type { OpCache } from "./op-stream.ts";

/** A slab cache of a kernel trace. */
export interface TracedCache extends OpCache {
  /** The name on its allocations; most kernels print none. */
  readonly name: string | undefined;
  /** Other names, from the frees of its objects: of the caches that the kernel merged, or that have equal sizes. */
  readonly aliases: readonly string[];
  readonly allocCount: number;
}

interface CacheEntry {
  readonly nameId: number;
  readonly objectBytes: number;
  readonly allocBytes: number;
  readonly aliasIds: Set<number>;
  lastAliasId: number;
  allocCount: number;
}

/** Is told of the caches of a trace as they show. */
export interface CacheObserver {
  onCache(cacheId: number, nameId: number, sizes: OpCache): void;
  /** The first name that the frees of a nameless cache gave. */
  onName(cacheId: number, nameId: number): void;
}

/**
 * Tells slab caches apart by what an allocation says of them: the name, if it prints one, and the two sizes.
 * Caches of equal sizes and no name are one cache here, much as the kernel merges them.
 */
export class CacheRegistry {
  readonly #observer: CacheObserver | undefined;
  readonly #entries: CacheEntry[] = [];
  /** For each name, cache ids by (requested, allocated) bytes. */
  readonly #idsByName: AddressTable[] = [];

  constructor(observer?: CacheObserver) {
    this.#observer = observer;
  }

  get cacheCount(): number {
    return this.#entries.length;
  }

  /** The id of the cache that an allocation came from. */
  allocFrom(nameId: number, objectBytes: number, allocBytes: number): number {
    let ids = this.#idsByName[nameId];
    if (ids === undefined) {
      ids = new AddressTable();
      this.#idsByName[nameId] = ids;
    }
    let cacheId = ids.find(allocBytes, objectBytes);
    if (cacheId === NOT_FOUND) {
      const entry = {
        nameId,
        objectBytes,
        allocBytes,
        aliasIds: new Set<number>(),
        lastAliasId: nameId,
        allocCount: 0,
      };
      cacheId = this.#entries.push(entry) - 1;
      ids.set(allocBytes, objectBytes, cacheId);
      this.#observer?.onCache(cacheId, nameId, entry);
    }
    this.#entries[cacheId]!.allocCount += 1;
    return cacheId;
  }

  /** Notes the name that the free of an object of this cache gave. */
  addAlias(cacheId: number, nameId: number): void {
    const entry = this.#entries[cacheId]!;
    if (nameId === entry.lastAliasId || nameId === NO_NAME || nameId === entry.nameId) return;
    entry.lastAliasId = nameId;
    if (entry.aliasIds.size === 0 && entry.nameId === NO_NAME) this.#observer?.onName(cacheId, nameId);
    entry.aliasIds.add(nameId);
  }

  /** All caches by id. */
  caches(names: NameTable): TracedCache[] {
    return this.#entries.map((entry) => ({
      objectBytes: entry.objectBytes,
      allocBytes: entry.allocBytes,
      name: entry.nameId === NO_NAME ? undefined : names.name(entry.nameId),
      aliases: Array.from(entry.aliasIds, (id) => names.name(id)),
      allocCount: entry.allocCount,
    }));
  }
}
