import type { OpenAiOptions } from "./options.ts";
import { tokenBound } from "./tokens.ts";

/** Texts in their order, cut into requests that keep within the provider's limits; a text that is too long alone has one of its own. */
export function* batchesOf(
  texts: readonly string[],
  { batchItems, batchBytes, passagePrefix, queryPrefix }: OpenAiOptions,
): Generator<readonly string[], void, undefined> {
  const prefix = Math.max(tokenBound(passagePrefix), tokenBound(queryPrefix));
  let batch: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    const own = tokenBound(text) + prefix;
    if (batch.length > 0 && (batch.length >= batchItems || bytes + own > batchBytes)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(text);
    bytes += own;
  }
  if (batch.length > 0) yield batch;
}
