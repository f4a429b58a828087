import { plainError as plainRedisError } from "#adapters/redis/plain-error.ts";
import { AppError } from "#core/errors.ts";
import { UnusableRedis } from "./server-check.ts";

/** The same for this ledger, whose own refusals say nothing that must not be told. */
export function plainError(error: unknown): Error {
  return error instanceof UnusableRedis ? error : plainRedisError(error);
}

/** The one code of every failure of the store. */
export function unavailable(error: unknown): AppError {
  return error instanceof AppError
    ? error
    : new AppError("ledger-unavailable", { retryAfterS: 1 }, { cause: plainError(error) });
}
