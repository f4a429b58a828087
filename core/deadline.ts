import { AppError } from "./errors.ts";

/** Why a request's work is given up, whether its time is over or nobody waits for its answer any more. */
export const deadlineExceeded = (): AppError => new AppError("deadline-exceeded", { retryAfterS: 1 });

/**
 * For adapters: ends work whose request is over.
 * @throws AppError `deadline-exceeded`, never the code of an outage: nothing is wrong with what was asked
 */
export function assertTime(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw errorOf(signal);
}

/**
 * Does work for somebody who waits until the signal is aborted, and no longer: work that has not begun by then never does, and of work that goes
 * on nobody hears any more.
 * @throws AppError `deadline-exceeded`; what the work throws
 */
export async function during<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  assertTime(signal);
  if (signal === undefined) return work();
  const over = Promise.withResolvers<never>();
  const end = () => over.reject(errorOf(signal));
  signal.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([work(), over.promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}

const errorOf = ({ reason }: AbortSignal): AppError => (reason instanceof AppError ? reason : deadlineExceeded());
