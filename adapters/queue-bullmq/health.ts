import { plainError } from "#adapters/redis/plain-error.ts";

/** Whether wake-ups get through. */
export interface QueueHealth {
  /** False from a failed question or a lost connection until the next answer or connection. */
  readonly reachable: boolean;
  /** Wake-ups since the start that did not get through: left to the reconciler. */
  readonly failedWakes: number;
}

/** Keeps {@link QueueHealth}, and tells of a trouble once, not with every attempt to reconnect. */
export interface HealthWatch {
  /** The server did not answer. */
  failed(error: unknown): void;
  /** Something is wrong with one job, not with the server. */
  troubled(error: unknown): void;
  answered(): void;
  wakeFailed(): void;
  now(): QueueHealth;
}

/** Different troubles remembered as told; with more, all are told again. */
const mostTold = 100;

/** @param onTrouble told of each kind of trouble, by its message, once until something was answered; never of the command that failed */
export function watchHealth(onTrouble: (error: unknown) => void): HealthWatch {
  const told = new Set<string>();
  let reachable = true;
  let failedWakes = 0;

  function troubled(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (told.has(message)) return;
    if (told.size >= mostTold) told.clear();
    told.add(message);
    onTrouble(plainError(error));
  }

  return {
    troubled,
    failed(error) {
      reachable = false;
      troubled(error);
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
