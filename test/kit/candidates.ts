import type { RankedCandidate } from "#core/retrieval/candidates.ts";

/** A ranked candidate for tests of what comes after the re-check. */
export function candidate(id: string, chunk: number, values: Partial<RankedCandidate> = {}): RankedCandidate {
  return {
    key: { tenant: "one", source: "open", id },
    generation: 1,
    chunkId: `${id}-${chunk}`,
    chunk,
    similarity: 0.5,
    bm25: 1,
    frequencies: [],
    fused: 0.5,
    late: null,
    trustGate: "eligible",
    authority: "reference",
    live: {
      generation: 1,
      version: 1,
      chunkCount: 9,
      title: id,
      url: null,
      contentType: "text/plain",
      access: { grants: ["everyone"], denies: [], labels: [] },
      publishedAt: "2026-01-01T00:00:00.000Z",
      quality: { authority: null, reviewState: null, updatedAt: null, expiresAt: null, owner: null, supersedes: [] },
    },
    ...values,
  };
}
