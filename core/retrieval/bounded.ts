import { during } from "../deadline.ts";
import type { Embedder } from "../ports/embedder.ts";
import type { VectorIndex } from "../ports/index.ts";
import type { Ledger } from "../ports/ledger.ts";

/** What of an index a question needs. */
export type SearchedIndex = Pick<VectorIndex, "search" | "holdsBack" | "texts" | "tokenOutputs" | "matchTokens"> & {
  /** Whether it keeps a copy of access beside the ledger, and behind it. */
  readonly keepsCopies: boolean;
};

/** What of a ledger a question needs. */
export type SearchedLedger = Pick<Ledger, "read" | "replacements">;

// The rest of this folder sees ports only through these views, so that no call of a question can be made without its signal: none begins after its
// end, each can stop its own work, and the question waits for none that does not.

/** An index for one question. */
export function indexDuring(signal: AbortSignal | undefined, index: VectorIndex): SearchedIndex {
  const matchTokens = index.matchTokens?.bind(index);
  return {
    keepsCopies: index.placeAccess !== undefined,
    search: (query) => during(signal, () => index.search(query, signal)),
    holdsBack: (fingerprint, filter, chunks) =>
      during(signal, () => index.holdsBack(fingerprint, filter, chunks, signal)),
    texts: (chunkIds, fingerprint) => during(signal, () => index.texts(chunkIds, fingerprint, signal)),
    tokenOutputs: (chunkIds, fingerprint) => during(signal, () => index.tokenOutputs(chunkIds, fingerprint, signal)),
    ...(matchTokens === undefined
      ? {}
      : {
          matchTokens: (query, chunkIds, fingerprint) =>
            during(signal, () => matchTokens(query, chunkIds, fingerprint, signal)),
        }),
  };
}

/** A ledger for one question. */
export function ledgerDuring(signal: AbortSignal | undefined, ledger: SearchedLedger): SearchedLedger {
  return {
    read: (keys) => during(signal, () => ledger.read(keys, signal)),
    replacements: (keys, fingerprint, visibility) =>
      during(signal, () => ledger.replacements(keys, fingerprint, visibility, signal)),
  };
}

/** An encoder for one question. */
export function embedderDuring(
  signal: AbortSignal | undefined,
  embedder: Embedder,
): Pick<Embedder, "model" | "embed" | "countTokens" | "tokenOutputs"> {
  const { tokenOutputs } = embedder;
  return {
    model: embedder.model,
    countTokens: (text) => embedder.countTokens(text),
    embed: (texts, purpose) => during(signal, () => embedder.embed(texts, purpose, signal)),
    ...(tokenOutputs === undefined
      ? {}
      : {
          tokenOutputs: {
            dimensions: tokenOutputs.dimensions,
            words: (ids) => tokenOutputs.words(ids),
            embed: (texts, purpose) => during(signal, () => tokenOutputs.embed(texts, purpose, signal)),
          },
        }),
  };
}
