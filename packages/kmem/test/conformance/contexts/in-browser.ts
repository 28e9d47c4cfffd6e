// The suite in every kind of thread that a browser has: a page, a dedicated worker and an audio worklet. The same
// module runs in all three; a page calls what it exports.
import { runSuite, type SuiteCounts } from "../run-suite.ts";

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare const registerProcessor: ((name: string, processor: new () => AudioWorkletProcessor) => void) | undefined;
declare const DedicatedWorkerGlobalScope: (new () => unknown) | undefined;

/** What came of the suite. */
export interface SuiteResult {
  readonly counts: SuiteCounts;
  readonly failures: readonly string[];
}

const PROCESSOR_NAME = "conformance";
const SAMPLE_RATE = 48_000;

function result(): SuiteResult {
  const failures: string[] = [];
  const counts = runSuite({}, (line) => {
    if (line.includes("FAILED")) failures.push(line.trim());
  });
  return { counts, failures };
}

/** In the page's main thread. */
export function inPage(): SuiteResult {
  return result();
}

/** In a dedicated worker of the page. */
export function inWorker(): Promise<SuiteResult> {
  const worker = new Worker(import.meta.url, { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<SuiteResult>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
  });
}

/** In an audio worklet of the page: where the processor is made. */
export async function inWorklet(): Promise<SuiteResult> {
  const context = new OfflineAudioContext({ length: 1, sampleRate: SAMPLE_RATE });
  await context.audioWorklet.addModule(import.meta.url);
  const node = new AudioWorkletNode(context, PROCESSOR_NAME);
  node.connect(context.destination);
  const answer = new Promise<SuiteResult>((resolve, reject) => {
    node.port.onmessage = ({ data }: MessageEvent<SuiteResult>) => resolve(data);
    node.onprocessorerror = () => reject(new Error("the processor failed"));
  });
  const [counts] = await Promise.all([answer, context.startRendering()]);
  return counts;
}

if (typeof DedicatedWorkerGlobalScope !== "undefined" && globalThis instanceof DedicatedWorkerGlobalScope) {
  postMessage(result());
}
if (typeof registerProcessor !== "undefined") {
  class Conformance extends AudioWorkletProcessor {
    constructor() {
      super();
      this.port.postMessage(result());
    }

    process(): boolean {
      return false;
    }
  }
  registerProcessor(PROCESSOR_NAME, Conformance);
}
