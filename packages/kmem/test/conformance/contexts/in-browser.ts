// The suite in every kind of thread that a browser has: a page, a dedicated worker and an audio worklet. The same
// module runs in all three; a page calls what it exports.
import { runSuite, type SuiteCounts } from "../run-suite.ts";

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
interface ProcessorOptions {
  readonly processorOptions: { readonly allocatorPart: string };
}
type ProcessorClass = new (options: ProcessorOptions) => AudioWorkletProcessor;
declare const registerProcessor: ((name: string, processor: ProcessorClass) => void) | undefined;
declare const DedicatedWorkerGlobalScope: (new () => unknown) | undefined;

/** What came of the suite. */
export interface SuiteResult {
  readonly counts: SuiteCounts;
  readonly failures: readonly string[];
}

const PROCESSOR_NAME = "conformance";
const SAMPLE_RATE = 48_000;

function result(allocatorPart: string): SuiteResult {
  const failures: string[] = [];
  const counts = runSuite({ allocatorPart }, (line) => {
    if (line.includes("FAILED")) failures.push(line.trim());
  });
  return { counts, failures };
}

/** In the page's main thread. */
export function inPage(allocatorPart: string): SuiteResult {
  return result(allocatorPart);
}

/** In a dedicated worker of the page. */
export function inWorker(allocatorPart: string): Promise<SuiteResult> {
  const worker = new Worker(import.meta.url, { type: "module" });
  worker.postMessage(allocatorPart);
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<SuiteResult>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
  });
}

/** In an audio worklet of the page: where the processor is made. */
export async function inWorklet(allocatorPart: string): Promise<SuiteResult> {
  const context = new OfflineAudioContext({ length: 1, sampleRate: SAMPLE_RATE });
  await context.audioWorklet.addModule(import.meta.url);
  const node = new AudioWorkletNode(context, PROCESSOR_NAME, { processorOptions: { allocatorPart } });
  node.connect(context.destination);
  const answer = new Promise<SuiteResult>((resolve, reject) => {
    node.port.onmessage = ({ data }: MessageEvent<SuiteResult>) => resolve(data);
    node.onprocessorerror = () => reject(new Error("the processor failed"));
  });
  const [counts] = await Promise.all([answer, context.startRendering()]);
  return counts;
}

if (typeof DedicatedWorkerGlobalScope !== "undefined" && globalThis instanceof DedicatedWorkerGlobalScope) {
  addEventListener("message", ({ data }: MessageEvent<string>) => postMessage(result(data)));
}
if (typeof registerProcessor !== "undefined") {
  class Conformance extends AudioWorkletProcessor {
    constructor({ processorOptions }: ProcessorOptions) {
      super();
      this.port.postMessage(result(processorOptions.allocatorPart));
    }

    process(): boolean {
      return false;
    }
  }
  registerProcessor(PROCESSOR_NAME, Conformance);
}
