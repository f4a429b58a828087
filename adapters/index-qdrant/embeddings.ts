import type { SourceKey } from "#core/document.ts";
import type { StoredEmbedding } from "#core/ports/index.ts";
import type { OpenCollections } from "./collections.ts";
import { allOf, oneOf } from "./filter.ts";
import {
  documentFields,
  embeddingFields,
  embeddingId,
  readDocument,
  readEmbeddingKey,
  readOutputs,
  readVector,
} from "./points.ts";
import { dense } from "./schema.ts";
import type { Server } from "./server.ts";

/** Chunks with the same text that are looked at for each key; more would all say the same. */
const perKey = 4;

/**
 * Reads embeddings by key from the generations that are stored now. Tenant and source are part of the key, and looked at once more.
 * @returns in the order of the keys
 */
export async function storedEmbeddings(
  server: Pick<Server, "scroll" | "retrieve">,
  { search, texts }: OpenCollections,
  of: SourceKey,
  keys: readonly string[],
): Promise<ReadonlyMap<string, StoredEmbedding>> {
  const { points } = await server.scroll(texts, {
    filter: allOf([oneOf("embedding", keys.map(embeddingId))]),
    limit: perKey * keys.length,
    with_payload: { include: embeddingFields },
  });
  if (points.length === 0) return new Map();
  const ids = points.map(({ id }) => id);
  const vectors = new Map(
    (await server.retrieve(search, ids, documentFields, [dense])).flatMap((point) =>
      isOf(readDocument(point), of) ? [[point.id, readVector(point)]] : [],
    ),
  );
  const byKey = new Map<string, StoredEmbedding>();
  for (const point of points) {
    const vector = vectors.get(point.id);
    const outputs = readOutputs(point);
    if (vector !== undefined) {
      byKey.set(readEmbeddingKey(point), outputs === undefined ? { vector } : { vector, tokenOutputs: outputs });
    }
  }
  return new Map(
    keys.flatMap((key) => {
      const found = byKey.get(key);
      return found === undefined ? [] : [[key, found]];
    }),
  );
}

const isOf = (key: SourceKey, { tenant, source }: SourceKey): boolean => key.tenant === tenant && key.source === source;
