// The textbook's question: holes of 100, 500, 200, 300 and 600 KB in this order, and processes of 212, 417, 112 and
// 426 KB that come one after the other. Which hole does each get under first, best and worst fit, and who has to wait?

const choices = {
  first: (holes) => holes[0],
  best: (holes) => holes.reduce((one, other) => (other.kb < one.kb ? other : one)),
  worst: (holes) => holes.reduce((one, other) => (other.kb > one.kb ? other : one)),
};

export function place(policy, holeKbs, processKbs) {
  const holes = holeKbs.map((kb, index) => ({ kb, name: `${kb} KB`, index }));
  return processKbs.map((kb) => {
    const fitting = holes.filter((hole) => hole.kb >= kb);
    if (fitting.length === 0) return "waits";
    const hole = choices[policy](fitting);
    hole.kb -= kb;
    return hole.name;
  });
}

if (import.meta.main ?? true) {
  for (const policy of Object.keys(choices)) {
    console.log(policy.padEnd(6), place(policy, [100, 500, 200, 300, 600], [212, 417, 112, 426]).join(", "));
  }
}
