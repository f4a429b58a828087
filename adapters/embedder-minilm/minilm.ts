import { availableParallelism } from "node:os";
import { join } from "node:path";
import { hashParts } from "#core/ingest/hash.ts";
import type { EmbeddedTokens, Embedder, TokenEmbedder } from "#core/ports/embedder.ts";
import { analyserVersion } from "#core/text/analyse.ts";
import { chunkerVersion } from "#core/text/chunk.ts";
import { Lanes } from "./lanes.ts";
import { loadModel } from "./model-file.ts";
import { hidden, maxSequence, reduced } from "./shape.ts";

/** The folder with the model that comes with the project. */
export const builtInModel = join(import.meta.dirname, "..", "..", "models", "all-minilm-l6-v2");

/** The name that trust.yaml knows the built-in model by. */
export const builtInModelName = "local/all-minilm-l6-v2-int8";

/** The marks that every sequence begins and ends with. */
const marks = 2;
const mostThreads = 2;

/** How to open the encoder. */
export interface MiniLmOptions {
  /** Folder with the model; the one that comes with the project if absent. */
  readonly folder?: string;
  /** Worker threads for passages, from 1; the number of cores, at most 2, if absent. Queries have one more of their own. */
  readonly threads?: number;
}

/** The built-in encoder, with what only it can tell. */
export interface MiniLmEmbedder extends Embedder {
  readonly tokenOutputs: TokenEmbedder;
  /** Bytes of weights and working memory of all its threads, beside what Node needs for a thread. */
  readonly memoryBytes: number;
}

/**
 * The sentence encoder that comes with the project: all-MiniLM-L6-v2 with 8-bit weights, in worker threads on WebAssembly, without
 * network or key. A text's vector depends on the text and the model files alone: the same bytes on every machine, whatever is
 * embedded beside it. A text over the model's limit counts with its beginning.
 * @throws AppError `embedder-unavailable` when model files are missing or damaged, or this Node cannot run the kernels
 */
export async function openMiniLm({ folder = builtInModel, threads }: MiniLmOptions = {}): Promise<MiniLmEmbedder> {
  const model = await loadModel(folder);
  const lanes = await Lanes.open(model, Math.max(1, threads ?? Math.min(mostThreads, availableParallelism())));
  const name = `local/${model.name}`;
  const embedAll = (
    texts: readonly string[],
    purpose: "passage" | "query",
    withTokens: boolean,
    signal: AbortSignal | undefined,
  ) => Promise.all(texts.map((text): Promise<EmbeddedTokens> => lanes.run(text, purpose, withTokens, signal)));
  return {
    model: {
      name,
      fingerprint: hashParts(["local", name, String(hidden), model.hash, analyserVersion, chunkerVersion]),
      dimensions: hidden,
      maxTokens: maxSequence - marks,
      denseWeight: 0.75,
    },
    countTokens: (text) => model.tokenizer.count(text),
    // Questions and passages are embedded alike; the purpose decides who waits for whom.
    embed: async (texts, purpose, signal) =>
      (await embedAll(texts, purpose, false, signal)).map(({ vector }) => vector),
    tokenOutputs: {
      dimensions: reduced,
      embed: (texts, purpose, signal) => embedAll(texts, purpose, true, signal),
      words: (ids) => model.tokenizer.words(ids),
    },
    memoryBytes: lanes.memoryBytes,
    close: () => lanes.close(),
  };
}
