import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { openMiniLm } from "#adapters/embedder-minilm/minilm.ts";
import { openOpenAi } from "#adapters/embedder-openai/openai.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { ProbeStore } from "#core/ports/probes.ts";
import { ConfigError, type ConfiguredEmbedder, type ServiceConfig } from "#services/config.ts";

/**
 * The encoder of a configuration; the commands that must embed exactly as the service does use it too.
 * @param probes what a second embeddings endpoint is held against
 * @throws AppError `embedder-unavailable` when the built-in model cannot be used; ConfigError
 */
export async function openEmbedder(
  name: ConfiguredEmbedder,
  { openai }: Pick<ServiceConfig, "openai">,
  probes?: Pick<ProbeStore, "read">,
): Promise<Embedder> {
  if (name === "hashed") return hashedEmbedder();
  if (name === "minilm") return openMiniLm();
  if (openai === undefined) throw new ConfigError(["RETICENT_EMBEDDER: openai needs the settings RETICENT_OPENAI_…"]);
  return openOpenAi(openai, probes === undefined ? {} : { probes });
}
