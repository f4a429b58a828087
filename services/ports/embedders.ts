import { cachedEmbedder } from "#adapters/embedder-cached/cached.ts";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { openMiniLm } from "#adapters/embedder-minilm/minilm.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { EmbedderName } from "#services/config.ts";

/** The encoder that the service uses; the commands that must embed exactly as it does use it too. */
export async function openEmbedder(name: EmbedderName, vectorFile?: string): Promise<Embedder> {
  const embedder = name === "hashed" ? hashedEmbedder() : await openMiniLm();
  return vectorFile === undefined ? embedder : cachedEmbedder(embedder, vectorFile);
}
