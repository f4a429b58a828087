import { openOpenAi } from "#adapters/embedder-openai/openai.ts";
import { type OpenAiOptions, type OpenAiParts, patience } from "#adapters/embedder-openai/options.ts";
import { Secret } from "#core/secret.ts";
import type { EmbeddingsServer } from "./embeddings-server.ts";

/** The key that tests use, and look for everywhere. */
export const testKey = "sk-test-7f3a9c-never-to-be-seen";

/** Settings for {@link EmbeddingsServer}, which lose patience at once. */
export function openAiFor(
  server: Pick<EmbeddingsServer, "baseUrl">,
  changes: Partial<OpenAiOptions> = {},
): OpenAiOptions {
  return {
    model: "hashed",
    dimensions: 384,
    sendDimensions: false,
    inputTokens: 8_192,
    queryPrefix: "",
    passagePrefix: "",
    batchItems: 32,
    batchBytes: 100_000,
    endpoint: { baseUrl: server.baseUrl, keyHeader: "authorization", apiKey: new Secret(testKey) },
    patience: { ...patience, attemptMs: 2_000, queryMs: 4_000, passageMs: 4_000, backoffMs: 1, restMs: 20 },
    ...changes,
  };
}

/** An embedder on it. */
export const openAiOn = (server: EmbeddingsServer, changes: Partial<OpenAiOptions> = {}, parts: OpenAiParts = {}) =>
  openOpenAi(openAiFor(server, changes), parts);
