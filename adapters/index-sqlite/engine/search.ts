import { best } from "./best.ts";
import { neighbours, searchDense } from "./dense.ts";
import { searchLexical } from "./lexical.ts";
import type { EngineAnswer, SearchRequest } from "./protocol.ts";
import type { Selection } from "./selection.ts";
import type { Space } from "./space.ts";

/**
 * Searches exactly the selected chunks. Positions follow `compareKeys` and the chunk number, and every sum runs in an order of
 * its own operands, so the answer is the same to the last bit whatever else the space holds and wherever.
 */
export function search(space: Space, selection: Selection, request: SearchRequest): EngineAnswer {
  const { slots, owners } = selection;
  const dense = searchDense(space, selection, request.vector, request.limit);
  const lexical = searchLexical(space, selection, request.terms);
  const [nearest] = dense.found;
  const chosen = new Set([...dense.found, ...best(lexical.scores, request.limit)]);
  const positions = [...chosen].toSorted((a, b) => a - b);
  const frequencies = lexical.frequenciesOf(positions);
  return {
    hits: positions.map((position, i) => {
      const slot = slots[position] ?? -1;
      return {
        owner: owners[position] ?? -1,
        chunkId: space.chunkIds[slot] ?? "",
        chunk: space.numbers[slot] ?? 0,
        similarity: dense.exactOf(position),
        bm25: lexical.scores[position] ?? 0,
        frequencies: frequencies[i] ?? [],
      };
    }),
    exhausted: isExhausted(slots.length, (position) =>
      chosen.has(position) ? false : (lexical.scores[position] ?? 0) > 0 || dense.mayBelong(position),
    ),
    statistics: {
      chunks: slots.length,
      documentFrequency: lexical.documentFrequency,
      similarity: dense.similarity,
      neighbours: request.density && nearest !== undefined ? neighbours(space, selection, nearest) : null,
    },
  };
}

/** True when nothing is left that a higher limit could still bring. */
function isExhausted(positions: number, isLeft: (position: number) => boolean): boolean {
  for (let position = 0; position < positions; position++) if (isLeft(position)) return false;
  return true;
}
