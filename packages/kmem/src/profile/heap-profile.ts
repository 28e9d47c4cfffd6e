import { badArgument, type Checks, reading, readOptions } from "../memory/arguments.ts";
import { frameKey, knownStack, Numbering } from "./frames.ts";
import { type AllocationProfile, requireProfile, type StackFrame } from "./profile.ts";

/** How {@link heapProfileText} is wanted. */
export interface HeapProfileOptions {
  /** What the sizes are: what lives, as V8's own profiles have it (the default), or all that was allocated. */
  readonly figure?: "liveBytes" | "allocBytes";
}

const HEAP_PROFILE_CHECKS: Checks<HeapProfileOptions> = {
  figure: (name, value) => {
    if (value !== "liveBytes" && value !== "allocBytes") throw badArgument(name, "liveBytes or allocBytes", value);
  },
};

interface TreeNode {
  readonly id: number;
  readonly frame: StackFrame;
  readonly children: Map<number, TreeNode>;
  selfBytes: number;
}

const ROOT: StackFrame = { functionName: "(root)", url: "", line: 0, column: 0 };

/** What V8 gives to frames of no script. */
const NO_SCRIPT_ID = "0";

/**
 * A V8 sampling heap profile, the JSON of a `.heapprofile` file: Chrome's and Edge's DevTools (Memory, Load profile),
 * VS Code and speedscope open it. One node for each stack of frames; what a sample has is its innermost frame's
 * `selfSize`. `samples` says the same by samples, in their order. Lines and columns are from 0, and -1 where unknown,
 * as V8 has them. Throws `BAD_ARGUMENT` for a profile with impossible numbers. O(frames).
 */
export function heapProfileText(profile: AllocationProfile, options: HeapProfileOptions = {}): string {
  const { figure = "liveBytes" } = readOptions("options", options, HEAP_PROFILE_CHECKS);
  requireProfile(profile);
  return reading("profile", profile, () => profileText(profile, figure));
}

function profileText(profile: AllocationProfile, figure: "liveBytes" | "allocBytes"): string {
  const root: TreeNode = { id: 1, frame: ROOT, children: new Map(), selfBytes: 0 };
  const frames = new Numbering<StackFrame>();
  let nodeCount = 1;
  const samples = profile.samples.map((sample, index) => {
    let node = root;
    for (const frame of knownStack(sample).toReversed()) {
      const number = frames.numberOf(frameKey(frame), frame);
      let child = node.children.get(number);
      if (child === undefined) {
        child = { id: ++nodeCount, frame, children: new Map(), selfBytes: 0 };
        node.children.set(number, child);
      }
      node = child;
    }
    node.selfBytes += sample[figure];
    return { size: sample[figure], nodeId: node.id, ordinal: index + 1 };
  });
  return `{"head":${treeText(root)},"samples":${JSON.stringify(samples)}}`;
}

/** The JSON of a tree. Stacks may be deeper than JSON.stringify could follow, so this one does not call itself. */
function treeText(root: TreeNode): string {
  const scripts = new Numbering<string>();
  const pieces = [openingText(root, scripts)];
  const path = [root.children.values()];
  while (path.length > 0) {
    const { value: child, done } = path[path.length - 1].next();
    if (done) {
      pieces.push("]}");
      path.pop();
      continue;
    }
    if (pieces[pieces.length - 1] === "]}") pieces.push(",");
    pieces.push(openingText(child, scripts));
    path.push(child.children.values());
  }
  return pieces.join("");
}

/** The text of a node up to its children. */
function openingText({ id, frame, selfBytes }: TreeNode, scripts: Numbering<string>): string {
  const { url } = frame;
  const callFrame = {
    functionName: frame.functionName.toWellFormed(),
    scriptId: url === "" ? NO_SCRIPT_ID : `${scripts.numberOf(url, url) + 1}`,
    url: url.toWellFormed(),
    lineNumber: frame.line - 1,
    columnNumber: frame.column - 1,
  };
  return `{"callFrame":${JSON.stringify(callFrame)},"selfSize":${selfBytes},"id":${id},"children":[`;
}
