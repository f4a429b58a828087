/** Bytes of one batch of searches. The server refuses requests above 32 MiB, unless it is set up otherwise. */
export const batchBytes = 8 * 1024 * 1024;

/** A request, and what it asks. */
interface BatchRequest<T> {
  /** Its body. */
  readonly json: string;
  readonly part: readonly T[];
}

/**
 * Searches as the bodies of as few requests as the server takes, in their order; at least one. Each search repeats its filter, and that can be long: it
 * names the caller's groups, and documents by ids that others chose. A search that is too long by itself goes alone.
 */
export function* requestsOf<T>(searches: readonly T[], mostBytes = batchBytes): Generator<BatchRequest<T>> {
  let texts: string[] = [];
  let bytes = 0;
  let from = 0;
  for (const [at, search] of searches.entries()) {
    const text = JSON.stringify(search);
    const length = Buffer.byteLength(text) + 1;
    if (texts.length > 0 && bytes + length > mostBytes) {
      yield { json: bodyOf(texts), part: searches.slice(from, at) };
      [texts, bytes, from] = [[], 0, at];
    }
    texts.push(text);
    bytes += length;
  }
  yield { json: bodyOf(texts), part: searches.slice(from) };
}

const bodyOf = (texts: readonly string[]): string => `{"searches":[${texts.join(",")}]}`;
