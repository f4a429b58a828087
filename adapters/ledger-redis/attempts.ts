import { setTimeout as sleep } from "node:timers/promises";
import { assertTime } from "#core/deadline.ts";
import { AppError } from "#core/errors.ts";
import { unavailable } from "./plain-error.ts";

/** How often a write follows what others change under it. */
const maxAttempts = 30;
const maxWaitMs = 40;

/**
 * Tries until it works, with random waits in between, so that two that met once do not meet again.
 * @param attempt answers `undefined` when something moved in between
 * @throws AppError `ledger-unavailable` after too many attempts, `deadline-exceeded`
 */
export async function attempts<T>(
  attempt: () => Promise<{ readonly result: T } | undefined>,
  signal?: AbortSignal,
): Promise<T> {
  for (let number = 1; number <= maxAttempts; number += 1) {
    assertTime(signal);
    const done = await attempt();
    if (done !== undefined) return done.result;
    await sleep(Math.random() * Math.min(2 ** number, maxWaitMs));
  }
  throw new AppError("ledger-unavailable", {
    detail: "the document changes faster than it could be written",
    retryAfterS: 1,
  });
}

/**
 * Lets work on the same thing go one after the other within this process, so that only other processes can get in between.
 * @returns a function that runs work when everything given before for the same name is done
 */
export function oneAtATime(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (name, work) => {
    const before = last.get(name);
    const mine = (async () => {
      await before?.catch(() => {});
      return work();
    })();
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
}

/** Every failure of the store has one code, also that of a value which is not what was written. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error);
  }
}
