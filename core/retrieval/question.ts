import { AppError } from "../errors.ts";
import type { Embedder, TokenEmbedding } from "../ports/embedder.ts";
import { analyse, isStopTerm, queryTerms } from "../text/analyse.ts";

/** A query as the search sees it; made once, whatever the search inside which it is asked. */
export interface Question {
  readonly text: string;
  /** Unit length. */
  readonly vector: Float32Array;
  /** Distinct terms, in their order. */
  readonly terms: readonly string[];
  /** Neighbouring terms, stop words left out; each pair once. */
  readonly pairs: readonly (readonly [string, string])[];
  /** Absent for an encoder without token outputs. */
  readonly tokens?: Pick<TokenEmbedding, "tokens" | "words">;
}

/**
 * Embeds and analyses a query.
 * @throws AppError `embedder-unavailable`, `limit-exceeded`
 */
export async function readQuestion(text: string, embedder: Embedder): Promise<Question> {
  const terms = queryTerms(text);
  const base = { text, terms, pairs: pairsOf(tellingTerms(text)) };
  if (embedder.embedTokens === undefined) {
    const [vector] = await embedder.embed([text], "query");
    if (vector === undefined) throw new AppError("embedder-unavailable", { retryAfterS: 1 });
    return { ...base, vector };
  }
  const [embedding] = await embedder.embedTokens([text], "query");
  if (embedding === undefined) throw new AppError("embedder-unavailable", { retryAfterS: 1 });
  return { ...base, vector: embedding.vector, tokens: embedding };
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
