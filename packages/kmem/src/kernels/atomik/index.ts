/**
 * The kernel of the Atomik pages: `kmalloc` over regions that the caller supplies, and the buddy allocator for pages.
 *
 * @module kmem/atomik
 */
export * from "./atomik.ts";
