// The examples that are pages, in Chromium, from the server that comes with them.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { execPath } from "node:process";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeInChromium } from "../../../kmem/test/browser/support/in-chromium.ts";
import { ROOT } from "../../src/figures/repository.ts";

const SAMPLE_RATE = 48_000;
const FREQUENCY_HZ = 440;

describeInChromium("the examples", (_openPage, openBlank) => {
  let server: ChildProcess;
  let urls: string[] = [];

  beforeAll(async () => {
    server = spawn(execPath, [join(ROOT, "examples", "serve.js"), "0"], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    while (output.split("\n").length < 3) output += String((await once(server.stdout!, "data"))[0]);
    urls = output.trim().split("\n");
  });

  afterAll(() => {
    server.kill();
  });

  async function openExample(name: string): Promise<Page> {
    const page = await openBlank();
    await page.goto(urls.find((url) => url.includes(name)) ?? "");
    return page;
  }

  it("show particles that live in slabs", async () => {
    const page = await openExample("particles");
    const text = await page.evaluate<string>(`(async () => {
      for (let frames = 0; frames < 2; frames += 1) await new Promise(requestAnimationFrame);
      return document.querySelector("output").textContent;
    })()`);
    expect(text).toMatch(/^[1-9]\d* particles in [1-9]\d* slabs$/);
    const painted = await page.evaluate(
      `new Set(document.querySelector("canvas").getContext("2d").getImageData(0, 0, innerWidth, innerHeight).data).size`,
    );
    expect(painted).toBeGreaterThan(10);
  });

  it("play a sine through an AudioWorklet, of which no sample is missing", async () => {
    const page = await openExample("audio-worklet");
    const { samples, liveBlocks } = await page.evaluate<{ samples: number[]; liveBlocks: number }>(`(async () => {
      const { sineThrough } = await import("/audio-worklet/main.js");
      const context = new OfflineAudioContext({ length: ${SAMPLE_RATE}, sampleRate: ${SAMPLE_RATE} });
      const { produce, liveBlocks } = await sineThrough(context, ${FREQUENCY_HZ});
      const produceAt = (seconds) => context.suspend(seconds).then(() => { produce(); return context.resume(); });
      const turns = Array.from({ length: 15 }, (_, turn) => produceAt((turn + 1) / 16));
      const [buffer] = await Promise.all([context.startRendering(), ...turns]);
      return { samples: [...buffer.getChannelData(0)], liveBlocks: liveBlocks() };
    })()`);
    const sine = (frame: number): number => 0.2 * Math.sin((2 * Math.PI * FREQUENCY_HZ * frame) / SAMPLE_RATE);
    const wrong = samples.filter((sample, frame) => Math.abs(sample - sine(frame)) > 1e-6);
    expect([samples.length, wrong.length]).toEqual([SAMPLE_RATE, 0]);
    // Two rings, and no more blocks than the ring that is played from and the one that they come back by can hold.
    expect(liveBlocks).toBeLessThanOrEqual(2 + 2 * 16 + 1);
  });
});
