import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import type { EmbeddedTokens, Embedder } from "#core/ports/embedder.ts";
import { decodeEmbedding, encodeEmbedding } from "./encoding.ts";

/**
 * An encoder that looks a text up in a file before it computes: a second evaluation of the same set embeds nothing twice. The file holds
 * vectors under the model's fingerprint and the hash of the text, and has no idea of tenants or deletions: it is for evaluations, which
 * make their own instance of public questions, never for a service.
 * @throws Error when the file is not one of these
 */
export function cachedEmbedder(embedder: Embedder, file: string): Embedder {
  const database = new DatabaseSync(file);
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS embeddings (fingerprint TEXT, text BLOB, value BLOB, PRIMARY KEY (fingerprint, text)) STRICT;
  `);
  const select = database.prepare("SELECT value FROM embeddings WHERE fingerprint = ? AND text = ?");
  const insert = database.prepare("INSERT OR REPLACE INTO embeddings (fingerprint, text, value) VALUES (?, ?, ?)");
  const { fingerprint, dimensions } = embedder.model;
  const { tokenOutputs } = embedder;

  const keyOf = (text: string, kind: string) => createHash("sha256").update(`${kind}\n${text}`).digest();
  async function through<T extends Partial<EmbeddedTokens>>(
    texts: readonly string[],
    kind: string,
    compute: (missing: readonly string[]) => Promise<readonly T[]>,
    read: (stored: EmbeddedTokens) => T,
    write: (value: T) => EmbeddedTokens,
  ): Promise<T[]> {
    const keys = texts.map((text) => keyOf(text, kind));
    const found = keys.map((key) => {
      const value = select.get(fingerprint, key)?.value;
      return value instanceof Uint8Array ? read(decodeEmbedding(value, dimensions)) : undefined;
    });
    const missing = texts.flatMap((text, at) => (found[at] === undefined ? [text] : []));
    const computed = missing.length === 0 ? [] : await compute(missing);
    let next = 0;
    return texts.map((_text, at) => {
      const known = found[at];
      if (known !== undefined) return known;
      const value = computed[next++];
      if (value === undefined) throw new Error("the encoder gave fewer vectors than texts");
      insert.run(fingerprint, keys[at] ?? new Uint8Array(), encodeEmbedding(write(value)));
      return value;
    });
  }

  const noTokens = { ids: new Uint16Array(), vectors: new Int8Array() };
  return {
    ...embedder,
    embed: async (texts, purpose, signal) => {
      const all = await through(
        texts,
        purpose,
        async (missing) => (await embedder.embed(missing, purpose, signal)).map((vector) => ({ vector })),
        ({ vector }) => ({ vector }),
        ({ vector }) => ({ vector, tokens: noTokens }),
      );
      return all.map(({ vector }) => vector);
    },
    ...(tokenOutputs === undefined
      ? {}
      : {
          tokenOutputs: {
            dimensions: tokenOutputs.dimensions,
            words: (ids) => tokenOutputs.words(ids),
            embed: (texts, purpose, signal) =>
              through<EmbeddedTokens>(
                texts,
                `${purpose} tokens`,
                (missing) => tokenOutputs.embed(missing, purpose, signal),
                (stored) => stored,
                (value) => value,
              ),
          },
        }),
    close: async () => {
      database.close();
      await embedder.close();
    },
  };
}
