/** Does something again and again, one at a time, until it is stopped. */
export interface Following {
  /** Starts no further step and waits for the one that runs. */
  stop(): Promise<void>;
}

/**
 * Does a step at once and then at an interval from its end.
 * @param onError told of a step that failed; the next one tries again. Must not throw
 */
export function follow(step: () => Promise<void>, intervalMs: number, onError: (error: unknown) => void): Following {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const once = async (): Promise<void> => {
    await step().catch(onError);
    if (isStopped) return;
    timer = setTimeout(() => {
      running = once();
    }, intervalMs);
    timer.unref();
  };
  running = once();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
