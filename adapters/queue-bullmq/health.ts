/** Whether wake-ups get through. */
export interface QueueHealth {
  /** False from a failed question or a lost connection until the next answer. */
  readonly reachable: boolean;
  /** Wake-ups since the start that did not get through: left to the reconciler. */
  readonly failedWakes: number;
}

/** Keeps {@link QueueHealth}, and tells of a trouble once, not with every attempt to reconnect. */
export interface HealthWatch {
  failed(error: unknown): void;
  answered(): void;
  wakeFailed(): void;
  now(): QueueHealth;
}

/** @param onTrouble told of each kind of trouble, by its message, once until something was answered */
export function watchHealth(onTrouble: (error: unknown) => void): HealthWatch {
  const told = new Set<string>();
  let reachable = true;
  let failedWakes = 0;
  return {
    failed(error) {
      reachable = false;
      const message = error instanceof Error ? error.message : String(error);
      if (told.has(message)) return;
      told.add(message);
      onTrouble(error);
    },
    answered() {
      reachable = true;
      told.clear();
    },
    wakeFailed() {
      failedWakes += 1;
    },
    now: () => ({ reachable, failedWakes }),
  };
}
