import { AppError } from "#core/errors.ts";

/**
 * What may be told of an error in a log. Those of ioredis carry the command that failed with all its words: passwords, titles, whole
 * documents. Redis itself repeats the words of a command that it does not know.
 */
export function plainError(error: unknown): Error {
  if (error instanceof AppError) return error;
  if (!(error instanceof Error)) return new Error("unknown error");
  const plain = new Error(error.message.replace(/, with args beginning with:.*/s, ""));
  plain.name = error.name;
  return plain;
}
