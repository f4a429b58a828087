import { setTimeout as sleep } from "node:timers/promises";

/** Something that goes on until it is stopped. */
export interface Running {
  stop(): Promise<void>;
}

/** Runs steps one after the other, with a pause in between, until it is stopped. */
export function repeat(step: () => Promise<void>, pauseMs: number): Running {
  const stopped = new AbortController();
  const running = (async () => {
    while (!stopped.signal.aborted) {
      await step();
      await sleep(pauseMs);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await running;
    },
  };
}
