import { onTestFinished, vi } from "vitest";

/** The clock of a test: `Date.now()` shows it, and nothing moves it but the test and this thread's sleeps. */
export interface TestClock {
  ms: number;
  /** Sleeps in `Atomics.wait`; each moves the clock to its own end, and nobody wakes it. */
  sleeps: number;
}

/** Has this thread live by a clock of the test's own until the test is over. Other threads keep the real one. */
export function useTestClock(): TestClock {
  const clock = { ms: Date.now(), sleeps: 0 };
  const now = vi.spyOn(Date, "now").mockImplementation(() => clock.ms);
  const wait = vi.spyOn(Atomics, "wait").mockImplementation((_words, _index, _value, timeoutMs = 0) => {
    clock.sleeps++;
    clock.ms += timeoutMs;
    return "timed-out";
  });
  onTestFinished(() => {
    now.mockRestore();
    wait.mockRestore();
  });
  return clock;
}
