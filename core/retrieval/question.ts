import { AppError } from "../errors.ts";
import type { Embedder } from "../ports/embedder.ts";
import type { TokenOutputs } from "../ports/index.ts";
import { analyse, isStopTerm, queryTerms } from "../text/analyse.ts";
import { type Wording, wordingOf } from "./wording.ts";

/** A query as the search sees it; made once, whatever the search inside which it is asked. */
export interface Question {
  readonly text: string;
  /** Unit length. */
  readonly vector: Float32Array;
  /** Distinct terms, in their order. */
  readonly terms: readonly string[];
  /** Neighbouring terms, stop words left out; each pair once. */
  readonly pairs: readonly (readonly [string, string])[];
  readonly wording: Wording;
  /** Absent for an encoder without token outputs. */
  readonly tokens?: TokenOutputs & {
    /** The word that each token belongs to. */
    readonly words: readonly string[];
    /** Tokens of a text as the encoder counts them. */
    readonly count: (text: string) => number;
  };
}

/**
 * Embeds and analyses a query.
 * @throws AppError `embedder-unavailable`, `limit-exceeded`
 */
export async function readQuestion(
  text: string,
  embedder: Pick<Embedder, "embed" | "countTokens" | "tokenOutputs">,
): Promise<Question> {
  const terms = queryTerms(text);
  const base = { text, terms, pairs: pairsOf(tellingTerms(text)), wording: wordingOf(text) };
  const { tokenOutputs } = embedder;
  if (tokenOutputs === undefined) {
    const [vector] = await embedder.embed([text], "query");
    if (vector === undefined) throw new AppError("embedder-unavailable", { retryAfterS: 1 });
    return { ...base, vector };
  }
  const [embedded] = await tokenOutputs.embed([text], "query");
  if (embedded === undefined) throw new AppError("embedder-unavailable", { retryAfterS: 1 });
  const { ids, vectors } = embedded.tokens;
  const count = (passage: string): number => embedder.countTokens(passage);
  const tokens = { dimensions: tokenOutputs.dimensions, vectors, words: tokenOutputs.words(ids), count };
  return { ...base, vector: embedded.vector, tokens };
}

/** Analysed terms of a text in their order, stop words left out. */
export function tellingTerms(text: string): string[] {
  return analyse(text).filter((term) => !isStopTerm(term));
}

function pairsOf(terms: readonly string[]): (readonly [string, string])[] {
  const pairs = new Map<string, readonly [string, string]>();
  for (let place = 1; place < terms.length; place++) {
    const [a, b] = [terms[place - 1] ?? "", terms[place] ?? ""];
    if (a !== b) pairs.set(`${a} ${b}`, [a, b]);
  }
  return [...pairs.values()];
}
