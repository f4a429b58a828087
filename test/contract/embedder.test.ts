import { afterAll } from "vitest";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { openMiniLm } from "#adapters/embedder-minilm/minilm.ts";
import { embeddingsServer } from "#test/kit/embeddings-server.ts";
import { openAiOn } from "#test/kit/openai.ts";
import { embedderContract } from "./embedder-contract.ts";

embedderContract("local, hashed", async () => hashedEmbedder());
embedderContract("local, MiniLM", () => openMiniLm({ threads: 1 }));

// The same server as four of the kinds that there are.
const server = await embeddingsServer();
const narrow = await embeddingsServer();
narrow.longestText = 512;
narrow.mostTexts = 4;
const odd = await embeddingsServer();
odd.mode = "shuffled";
const long = await embeddingsServer();
long.mode = "scaled";
afterAll(async () => {
  for (const one of [server, narrow, odd, long]) await one.stop();
});
const e5 = { queryPrefix: "query: ", passagePrefix: "passage: ", inputTokens: 512 };
embedderContract("OpenAI-compatible", async () => openAiOn(server));
embedderContract("OpenAI-compatible, short inputs, few per request, prefixes", async () => openAiOn(narrow, e5));
embedderContract("OpenAI-compatible, answers in another order", async () => openAiOn(odd, { batchItems: 3 }));
embedderContract("OpenAI-compatible, vectors of another length", async () => openAiOn(long));
