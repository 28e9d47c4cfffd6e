// Best fit, with its list of holes in JavaScript: the whole assignment.

/** @type {import("kmem-cli/policy").PolicyModule["createPolicy"]} */
export function createPolicy({ start, end }) {
  const holes = [{ at: start, bytes: end - start }]; // by address
  const sizes = new Map(); //                           of the live blocks
  return {
    alloc(sizeBytes) {
      const bytes = Math.ceil(sizeBytes / 16) * 16;
      const fitting = holes.filter((hole) => hole.bytes >= bytes);
      if (fitting.length === 0) return 0;
      const { at, bytes: room } = fitting.reduce((one, other) => (other.bytes < one.bytes ? other : one));
      const rest = room > bytes ? [{ at: at + bytes, bytes: room - bytes }] : [];
      holes.splice(
        holes.findIndex((hole) => hole.at === at),
        1,
        ...rest,
      );
      sizes.set(at, bytes);
      return at;
    },
    free(at) {
      holes.push({ at, bytes: sizes.get(at) });
      sizes.delete(at);
      holes.sort((one, other) => one.at - other.at);
      for (let index = holes.length - 1; index > 0; index -= 1) {
        const [one, other] = holes.slice(index - 1, index + 1);
        if (one.at + one.bytes === other.at) holes.splice(index - 1, 2, { at: one.at, bytes: one.bytes + other.bytes });
      }
    },
    usableSize: (at) => sizes.get(at),
  };
}
