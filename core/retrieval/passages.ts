import { keyString } from "../document.ts";
import type { ChunkText } from "../ports/index.ts";
import type { RankedCandidate } from "./candidates.ts";
import type { Passage } from "./response.ts";

/** A candidate with its text. */
export interface ReadCandidate {
  readonly candidate: RankedCandidate;
  readonly text: ChunkText;
}

/**
 * Takes whole passages in rank order until `maxTokens` is used up; one that no longer fits is left out and a smaller one after it
 * may still fit.
 */
export function withinBudget(items: readonly ReadCandidate[], maxTokens: number | null): ReadCandidate[] {
  let left = maxTokens ?? Number.POSITIVE_INFINITY;
  return items.filter(({ text }) => {
    if (text.tokens > left) return false;
    left -= text.tokens;
    return true;
  });
}

/** Documents by their best passage; the passages of one document together and in the document's own order. */
export function inReadingOrder(items: readonly ReadCandidate[]): ReadCandidate[] {
  const byDocument = new Map<string, ReadCandidate[]>();
  for (const item of items) {
    const name = keyString(item.candidate.key);
    byDocument.set(name, [...(byDocument.get(name) ?? []), item]);
  }
  return [...byDocument.values()].flatMap((group) => group.toSorted((a, b) => a.candidate.chunk - b.candidate.chunk));
}

/** The passage as the response shows it. */
export function passageOf({ candidate, text }: ReadCandidate): Passage {
  const { live } = candidate;
  return {
    document_id: candidate.key.id,
    chunk_id: candidate.chunkId,
    source: candidate.key.source,
    title: live.title,
    url: live.url,
    text: text.text,
    similarity: candidate.similarity,
    heading_path: [...text.headingPath],
    start_char: text.startChar,
    end_char: text.endChar,
    updated_at: live.quality.updatedAt,
    quality: {
      authority: candidate.authority,
      review_state: live.quality.reviewState,
      owner: live.quality.owner,
      expires_at: live.quality.expiresAt,
    },
  };
}
