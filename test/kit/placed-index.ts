import type { Access } from "#core/access/acl.ts";
import { keyString } from "#core/document.ts";
import type { IndexedGeneration, VectorIndex } from "#core/ports/index.ts";
import type { LiveRef } from "#core/ports/live-documents.ts";

/** What is live now, with its access. */
export interface LiveEntry {
  readonly ref: LiveRef;
  readonly fingerprint: string;
  readonly access: Access;
}

/**
 * An index that keeps copies, with a worker in front of it that never lags: before each question, the copies say what is live now. Anything else is
 * the index's own.
 */
export function placed(index: VectorIndex, live: () => readonly LiveEntry[]): VectorIndex {
  const written = new Map<string, IndexedGeneration>();
  const done = new Map<string, Access>();
  let revision = 0;
  const catchUp = async (): Promise<void> => {
    for (const { ref, fingerprint, access } of live()) {
      const name = `${fingerprint} ${ref.ref}`;
      const generation = written.get(name);
      if (generation === undefined || done.get(name) === access) continue;
      done.set(name, access);
      revision += 1;
      const chunkCount = (generation.chunks.at(-1)?.chunk ?? -1) + 1;
      await index.placeAccess?.(
        { key: ref.key, generation: ref.generation, fingerprint, chunkCount },
        [access],
        revision,
      );
      await index.withdraw?.(ref.key, ref.generation, fingerprint);
    }
  };
  return {
    write: async (generation) => {
      await index.write(generation);
      written.set(`${generation.fingerprint} ${keyString(generation.key)}@${generation.generation}`, generation);
    },
    remove: (key, generation, fingerprint) => index.remove(key, generation, fingerprint),
    search: async (query) => {
      await catchUp();
      return index.search(query);
    },
    documents: async (fingerprint, filter, page) => {
      await catchUp();
      return index.documents(fingerprint, filter, page);
    },
    holdsBack: async (fingerprint, filter, chunks) => {
      await catchUp();
      return index.holdsBack(fingerprint, filter, chunks);
    },
    texts: (ids, fingerprint) => index.texts(ids, fingerprint),
    tokenOutputs: (ids, fingerprint) => index.tokenOutputs(ids, fingerprint),
    ...(index.embeddings === undefined
      ? {}
      : {
          embeddings: async (tenant, fingerprint, keys) =>
            (await index.embeddings?.(tenant, fingerprint, keys)) ?? new Map(),
        }),
    close: () => index.close(),
  };
}
