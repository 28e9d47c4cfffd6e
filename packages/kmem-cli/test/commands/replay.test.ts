import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { heapContender, packageModule } from "../../src/contenders/heap-contender.ts";
import { knownContenders } from "../../src/contenders/known-contenders.ts";
import type { Contender } from "../../src/replay/contender.ts";
import type { ReplayReport } from "../../src/replay/report.ts";
import { NATIVE_MISSING, NATIVE_NOTE } from "../contenders/support.ts";
import { type MallocEventWords, mallocEvent, mallocTrace } from "../trace/malloc-trace-bytes.ts";
import { BUNDLED_TRACES, withTempDir } from "../trace/support.ts";
import { runCli, runInProcess } from "./support.ts";

const KERNEL_TRACE = join(BUNDLED_TRACES, "mid-6.12-hashedptr.trace.txt.zst");
const ESCAPE = "\u001b";

/** A trace of blocks that come and go, `pairCount` times 16 of them. */
function smallTrace(pairCount = 20): Uint8Array {
  const events: MallocEventWords[] = [];
  for (let pair = 0; pair < pairCount; pair += 1) {
    for (let id = 0; id < 16; id += 1) events.push(mallocEvent(0, id, 16 * (id + 1)));
    for (let id = 0; id < 16; id += 1) events.push(mallocEvent(1, id, 0));
  }
  return mallocTrace(events);
}

/** Runs a test with a small trace in a folder, and another one for temporary files. */
function withTrace(
  use: (trace: string, temp: string, folder: string) => Promise<void>,
  bytes: Uint8Array = smallTrace(),
): Promise<void> {
  return withTempDir(async (folder) => {
    const trace = join(folder, "small.trace");
    const temp = join(folder, "temp");
    writeFileSync(trace, bytes);
    mkdirSync(temp);
    await use(trace, temp, folder);
  });
}

const replayFolders = (temp: string): string[] => readdirSync(temp).filter((name) => name.startsWith("kmem-replay-"));

describe("kmem replay", () => {
  it("shows what was in a trace and what came of it, and leaves no file behind", async () => {
    await withTrace(async (trace, temp) => {
      const result = await runCli(["replay", "--no-native", "--runs", "1", trace], { env: { TMPDIR: temp } });
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      expect(result.stdout).toMatch(/^allocators\n {2}kmem {2}\d/);
      expect(result.stdout).toContain("small: malloc trace of a 32-bit program\n  640 events, all matched");
      expect(result.stdout).toMatch(/\n {2}kmem +640 +[\d.]+ +[\d.]+–[\d.]+ +42\.5 KiB +42\.5 KiB +0\.0 % +2\.13 KiB /);
      expect(result.stdout).toContain("malloc traces (1)\n  overhead at peak");
      expect(readdirSync(temp)).toEqual([]);
    });
  });

  it("writes no colours to what is no terminal", async () => {
    await withTrace(async (trace) => {
      const env = { FORCE_COLOR: "1", CLICOLOR_FORCE: "1", NO_COLOR: "" };
      const { stdout } = await runCli(["replay", "--no-native", "--runs", "0", trace], { env });
      expect(stdout).toContain("kmem");
      expect(stdout).not.toContain(ESCAPE);
    });
  });

  it("reads standard input, packed or not", async () => {
    const { exitCode, stdout } = await runCli(["replay", "--no-native", "--runs", "0", "-"], {
      stdin: gzipSync(smallTrace()),
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("standard input: malloc trace of a 32-bit program, packed with gzip");
  });

  it("makes objects and pages of a kernel trace, and checks both", async () => {
    const args = ["replay", "--no-native", "--runs", "0", "--check-every", "50000", KERNEL_TRACE];
    const { exitCode, stdout } = await runCli(args);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("matched: 99.86 % of 6,650 kfree");
    expect(stdout).toMatch(/mid-6\.12-hashedptr, objects +kmem +118,766 +3 +none\n/);
    expect(stdout).toMatch(/mid-6\.12-hashedptr, pages +kmem +33,604 +1 +none$/m);
  });

  it("writes its results as CSV and Markdown, too", async () => {
    await withTrace(async (trace, _temp, folder) => {
      const [csv, markdown] = [join(folder, "out.csv"), join(folder, "out.md")];
      const args = ["replay", "--no-native", "--runs", "0", "--export-csv", csv, "--export-markdown", markdown, trace];
      expect((await runCli(args)).exitCode).toBe(0);
      expect(readFileSync(csv, "utf8")).toMatch(/^trace,workload,.*\nsmall,blocks,640,kmem,,,,,43520,/);
      expect(readFileSync(markdown, "utf8")).toMatch(
        /^\| trace \| workload \|.*\n\| :---.*\n\| small \| blocks \| 640 \|/,
      );
    });
  });

  it("keeps within a budget where all allocators take part, and says what the machine was doing", async () => {
    await withTrace(async (trace) => {
      const args = ["replay", "--budget", "1", "--runs", "2", "-a", "kmem,region-first", "--json", trace];
      const { exitCode, stdout } = await runCli(args);
      expect(exitCode).toBe(0);
      const report = JSON.parse(stdout) as ReplayReport;
      expect(report.settings).toEqual({ roundCount: 2, budgetMs: 1000 });
      expect(report.warnings.every(({ text }) => text !== "")).toBe(true);
      expect(report.environment.loadAverage ?? 0).toBeGreaterThanOrEqual(0);
      const rounds = report.traces[0]!.workloads[0]!.results.map(({ time }) => time?.roundNsPerOp.length ?? 0);
      for (const count of rounds) expect([1, 2]).toContain(count);
    });
  });

  it("shows examples in its help", async () => {
    const { exitCode, stdout } = await runInProcess(["replay", "--help"], { contenders: knownContenders() });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Examples:\n  kmem replay ");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(88);
  });
});

describe("kmem replay of traces with faults", () => {
  it("names each file that it cannot read, replays the others, and exits with 1", async () => {
    await withTrace(async (trace, temp, folder) => {
      const missing = join(folder, "missing.trace");
      const strange = join(folder, "strange.bin");
      const prose = join(folder, "prose.txt");
      writeFileSync(strange, Uint8Array.of(1, 2, 0, 3));
      writeFileSync(prose, "Nothing here is a trace.\n");
      const args = ["replay", "--no-native", "--runs", "0", missing, strange, folder, prose, trace];
      const { exitCode, stdout, stderr } = await runCli(args, { env: { TMPDIR: temp } });
      expect(exitCode).toBe(1);
      expect(stderr.trim().split("\n")).toEqual([
        `kmem: ${missing}: no such file or directory`,
        `kmem: ${folder}: it is a directory`,
        `kmem: ${strange}: it is neither text nor a binary trace that is read (--help names the forms)`,
        `kmem: ${prose}: it holds no operations, taken for text of ftrace, perf script, perf trace or trace-cmd ` +
          "report (kernel); line 1: not a line of a kernel trace",
      ]);
      expect(stdout).toMatch(/\n {2}kmem +640 /);
      expect(readdirSync(temp)).toEqual([]);
    });
  });

  it("counts broken events and shows where they are", async () => {
    const bytes = mallocTrace([
      mallocEvent(0, 1, 100),
      mallocEvent(1, 3, 0),
      mallocEvent(7, 3, 0),
      mallocEvent(1, 1, 0),
    ]);
    await withTrace(async (trace) => {
      const { exitCode, stdout } = await runCli(["replay", "--no-native", "--runs", "0", trace]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain("4 events, 2 matched");
      expect(stdout).toContain("2 broken events left out:\n    event 2: free of a slot that is not live");
      expect(stdout).toContain("event 3: the operation is not known");
    }, bytes);
  });
});

describe("kmem replay of kernel text", () => {
  const ALLOC = "kmalloc: call_site=f ptr=00000000a1b2c3d4 bytes_req=100 bytes_alloc=128 gfp_flags=GFP_KERNEL";
  const ARGS = ["replay", "--no-native", "--runs", "0"];

  it("names what a file is instead, and exits with 1, when nothing of it can be read", async () => {
    await withTrace(
      async (trace) => {
        const { exitCode, stderr } = await runCli([...ARGS, trace]);
        expect(exitCode).toBe(1);
        expect(stderr).toMatch(/^kmem: \S+: it is packed with xz; unpack it first \(`xz -dc [^\n]+\n$/);
      },
      Buffer.from("\xfd7zXZ and what follows", "latin1"),
    );
    await withTrace(async (trace) => {
      const { exitCode, stderr } = await runCli([...ARGS, trace]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^kmem: \S+: taken for a file of perf's \(perf\.data\) \(perfdata\): it ends [^\n]+\n$/);
    }, Buffer.from("PERFILE2 and what follows"));
  });

  it("says on both outputs what it left out, and in the document", async () => {
    const text = Buffer.from(`${ALLOC}\nkfree: call_site=f ptr=(____ptrval____)\njunk\n`);
    await withTrace(async (trace) => {
      const shown = await runCli([...ARGS, trace]);
      expect(shown.exitCode).toBe(0);
      expect(shown.stdout).toContain("2 broken lines left out");
      expect(shown.stderr.split("\n")).toEqual([
        "kmem: small: 2 broken lines left out",
        expect.stringMatching(
          /^kmem: small: 1 line of kernel text with \(____ptrval____\) for addresses: .*no_hash_point/,
        ),
        "",
      ]);
      const { stdout } = await runCli([...ARGS, "--json", trace]);
      const report = JSON.parse(stdout) as ReplayReport;
      expect(report.traces[0]?.summary).toMatchObject({
        broken: { count: 2 },
        lines: { total: 3, kmemEvent: 1, continuation: 0, functionGraph: 0 },
        unread: [{ lineCount: 1, name: expect.stringContaining("ptrval"), advice: expect.any(String) }],
      });
    }, text);
  });

  it("reads UTF-16, and a mark before it, as PowerShell writes it", async () => {
    await withTrace(
      async (trace) => {
        const { exitCode, stdout, stderr } = await runCli([...ARGS, trace]);
        expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
        expect(stdout).toContain("1 event in 1 line, 1 operation to replay");
      },
      Buffer.from(`\ufeff${ALLOC}\r\n`, "utf16le"),
    );
  });
});

describe("kmem replay called wrongly", () => {
  it.each([
    [["replay"], "missing required argument 'trace'"],
    [["replay", "--runs", "x", "t"], "It is a whole number from 0."],
    [["replay", "--check-every", "0", "t"], "It is a whole number from 1."],
    [["replay", "-a", "hoard", "t"], 'There is no "hoard"; there are kmem, glibc'],
    [["replay", "-", "-"], "Standard input can be read once only."],
    [["replay", "--no-such", "t"], "unknown option '--no-such'"],
    [["replay", "--no-native", "-a", "glibc", "t"], "--no-native leaves no allocator"],
    [["replay", "--check", "-a", "glibc", "t"], "--check can look into none of these allocators"],
  ])("exits with 2 and a hint: %j", async (args, message) => {
    const { exitCode, stdout, stderr } = await runInProcess(args, { contenders: knownContenders() });
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
    expect(stderr).toContain("kmem replay --help");
  });

  it("ends its process with that exit code", async () => {
    const { exitCode, stdout, stderr } = await runCli(["replay"]);
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^error: missing required argument 'trace'\n/);
  });
});

describe("kmem replay interrupted", () => {
  it("leaves neither files nor processes behind", async () => {
    await withTrace(async (trace, temp) => {
      const result = await runCli(["replay", "--no-native", "--runs", "99", trace], {
        env: { TMPDIR: temp },
        interruptAt: (stdout) => stdout.includes("640 events") && replayFolders(temp).length === 1,
      });
      expect(result.exitCode).toBe(130);
      expect(result.stdout).not.toContain("ns/op");
      expect(readdirSync(temp)).toEqual([]);
    });
  });
});

describe("kmem replay --json", () => {
  const numberFields = (fields: Record<string, unknown>): unknown[] =>
    Object.values(fields).map((value) => typeof value);

  it("prints one document with everything, and nothing else", async () => {
    await withTrace(async (trace, temp, folder) => {
      const missing = join(folder, "missing");
      const args = ["replay", "--json", "--no-native", "--runs", "3", "--check", trace, missing];
      const { exitCode, stdout, stderr } = await runCli(args, { env: { TMPDIR: temp } });
      expect(exitCode).toBe(1);
      expect(stderr).toBe(`kmem: ${missing}: no such file or directory\n`);
      const report = JSON.parse(stdout) as ReplayReport;
      expect(report).toMatchObject({
        schema: "kmem-replay",
        version: 1,
        environment: { node: process.versions.node, platform: process.platform, arch: process.arch },
        settings: { roundCount: 3, checkEvery: 100_000 },
        allocators: [{ name: "kmem", isNative: false }],
        absent: [],
        means: [
          { kind: "blocks", workloadCount: 1, base: "kmem", allocators: [{ allocator: "kmem", baseTimeRatio: 1 }] },
        ],
      });
      const [first, second] = report.traces;
      expect(second).toEqual({
        path: missing,
        name: "missing",
        error: `${missing}: no such file or directory`,
        workloads: [],
      });
      expect(first).toMatchObject({ path: trace, name: "small", summary: { format: "malloc", opCount: 640 } });
      expect(first?.workloads).toHaveLength(1);
      const { kind, opCount, live, results } = first!.workloads[0]!;
      expect([kind, opCount, live.peakLiveBytes]).toEqual(["blocks", 640, 2176]);
      const [{ allocator, time, memory, check } = {}] = results;
      expect(allocator).toBe("kmem");
      expect(Object.keys(time!)).toEqual(["medianNsPerOp", "minNsPerOp", "maxNsPerOp", "roundNsPerOp"]);
      expect(time!.roundNsPerOp).toHaveLength(3);
      expect(time!.medianNsPerOp).toBe(time!.roundNsPerOp.toSorted((a, b) => a - b)[1]);
      expect(Object.keys(memory!)).toEqual([
        "requestedBytes",
        "allocatedBytes",
        "internalFragmentationPercent",
        "peakLiveBytes",
        "peakFootprintBytes",
        "overheadAtPeakPercent",
        "failureCount",
        "substituteCacheCount",
      ]);
      expect(new Set(numberFields({ ...memory }))).toEqual(new Set(["number"]));
      expect(check).toEqual({ opCount: 640, failureCount: 0, heapCheckCount: 1, faultCount: 0, faults: [] });
    });
  });
});

describe("kmem replay with contenders that are no good", () => {
  const kmem = heapContender("kmem", packageModule("contenders/kmem"), "0");
  const module = (name: string): URL => new URL(`../replay/${name}.ts`, import.meta.url);

  it("lists the faults of one that hands out live blocks, and exits with 1", async () => {
    await withTrace(async (trace) => {
      const context = { contenders: [kmem, heapContender("overlapping", module("overlapping-heap"), "0")] };
      const { exitCode, stdout } = await runInProcess(["replay", "--check", "--runs", "0", trace], context);
      expect(exitCode).toBe(1);
      expect(stdout).toMatch(/\nsmall +kmem +640 +1 +none\n/);
      expect(stdout).toMatch(/\nsmall +overlapping +640 +1 +\d+\n/);
      expect(stdout).toContain("faults of overlapping on small\n");
      expect(stdout).toMatch(/operation \d+: slot \d+, \d+ bytes at 0x[\da-f]+: byte \d+ is 0x/);
    });
  });

  it("says which one breaks, shows the others, and exits with 1", async () => {
    await withTrace(async (trace) => {
      const context = { contenders: [kmem, heapContender("breaking", module("breaking-heap"), "0")] };
      const { exitCode, stdout, stderr } = await runInProcess(["replay", "--runs", "0", trace], context);
      expect(exitCode).toBe(1);
      expect(stderr).toBe(
        "kmem: breaking, small (blocks): account: ended with exit code 1: TypeError: this heap cannot be made\n",
      );
      expect(stdout).toMatch(/\n {2}kmem +640 /);
      expect(stdout).toMatch(/\n {2}breaking +640 +– /);
    });
  });

  it("leaves out one that is not here and says so, and fails when none is", async () => {
    const absent: Contender = {
      name: "absent",
      isNative: true,
      canCheck: false,
      prepare: async () => ({ name: "absent", reason: "it is on holiday" }),
    };
    await withTrace(async (trace) => {
      const some = await runInProcess(["replay", "--runs", "0", trace], { contenders: [kmem, absent] });
      expect(some.exitCode).toBe(0);
      expect(some.stdout).toMatch(/\n {2}absent {2}not here: it is on holiday\n/);
      expect(some.stdout).not.toMatch(/\n {2}absent +640/);
      const none = await runInProcess(["replay", "--runs", "0", trace], { contenders: [absent] });
      expect(none.exitCode).toBe(1);
      expect(none.stderr).toBe("kmem: none of these allocators is available here\n");
    });
  });
});

describe.skipIf(NATIVE_MISSING)(`kmem replay with native allocators${NATIVE_NOTE}`, () => {
  it("shows glibc beside kmem, and how they compare", async () => {
    await withTrace(async (trace) => {
      const { exitCode, stdout } = await runCli(["replay", "-a", "glibc,kmem", "-r", "1", trace]);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/\n {2}kmem +640 .*\n {2}glibc +640 /);
      expect(stdout).toMatch(/\n {2}kmem's time \/ theirs +– +\d+\.\d\d\n/);
    });
  });

  it("says that there is no compiler, and shows kmem alone", async () => {
    await withTrace(async (trace, temp) => {
      const env = { TMPDIR: temp, PATH: temp };
      const { exitCode, stdout } = await runCli(["replay", "-a", "glibc,kmem", "-r", "0", trace], { env });
      expect(exitCode).toBe(0);
      expect(stdout).toContain("glibc  not here: the C program that replays cannot be compiled: there is no cc");
      expect(stdout).not.toMatch(/\n {2}glibc +640/);
    });
  });
});

describe("the package", () => {
  it("brings what the command needs at run time", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      files: string[];
    };
    expect(manifest.files).toEqual(expect.arrayContaining(["bin", "dist/**/*.js", "native", "traces"]));
  });
});
