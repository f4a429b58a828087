import { TextRefused } from "#core/embedding/text-refused.ts";
import { AppError } from "#core/errors.ts";
import { hashParts } from "#core/ingest/hash.ts";
import type { Embedder, EmbeddingModel } from "#core/ports/embedder.ts";
import { analyserVersion } from "#core/text/analyse.ts";
import { chunkerVersion } from "#core/text/chunk.ts";
import { batchesOf } from "./batches.ts";
import { EndpointError } from "./endpoint-error.ts";
import { askEndpoints, type Purpose, type Until } from "./endpoints.ts";
import { canonicalModel } from "./known-models.ts";
import type { OpenAiOptions, OpenAiParts } from "./options.ts";
import {
  countTokens,
  cutToBytes,
  hopefulBytes,
  longestInput,
  readable,
  safeBytes,
  tokenCounterVersion,
} from "./tokens.ts";

/** How much the cosine counts: that of the built-in sentence encoder, not chosen for any of these models. */
const denseWeight = 0.75;

/** The shortest text that any model takes: what an endpoint is asked when it refuses another one. */
const harmless = "A sentence.";

/**
 * The model as the rest of the service knows it. The fingerprint names the model and everything that changes vectors or chunks, not the
 * host: the same model may move, and the probe sentences tell when it is not the same.
 */
export function modelOf(options: OpenAiOptions): EmbeddingModel {
  const { dimensions, inputTokens, queryPrefix, passagePrefix } = options;
  const name = `openai/${canonicalModel(options.model)}`;
  const parts = [name, dimensions, inputTokens, queryPrefix, passagePrefix, tokenCounterVersion];
  const fingerprint = hashParts(["openai", ...parts.map(String), analyserVersion, chunkerVersion]);
  return { name, fingerprint, dimensions, maxTokens: longestInput(inputTokens, passagePrefix), denseWeight };
}

/**
 * An encoder behind an OpenAI-compatible endpoint. Nothing is asked until the first text comes, so that a service starts while the
 * endpoint is away. Gives no token outputs.
 */
export function openOpenAi(options: OpenAiOptions, parts: OpenAiParts = {}): Embedder {
  const { inputTokens, patience } = options;
  const { clock = Date.now, random = Math.random } = parts;
  const model = modelOf(options);
  const closing = new AbortController();
  const prefixOf = (purpose: Purpose) => (purpose === "query" ? options.queryPrefix : options.passagePrefix);
  const inputOf = (text: string, purpose: Purpose, cut = hopefulBytes): string => {
    const prefix = prefixOf(purpose);
    return `${prefix}${readable(cutToBytes(readable(text), cut(inputTokens, prefix)))}`;
  };
  const { fingerprint } = model;
  const ask = askEndpoints(options, { ...parts, clock, random, fingerprint, inputOf, closing: closing.signal });

  /** One batch, found to be refused for its texts or its size: by halves, until the text is alone that is at fault. */
  const byHalves = async (texts: readonly string[], purpose: Purpose, until: Until): Promise<Float32Array[]> => {
    const middle = Math.ceil(texts.length / 2);
    const halves = texts.length === 1 ? [texts] : [texts.slice(0, middle), texts.slice(middle)];
    const vectors: Float32Array[] = [];
    for (const part of halves) {
      try {
        // What no tokenizer makes too long is the last resort: it costs a long question its end.
        const inputs = part.map((text) => inputOf(text, purpose, texts.length === 1 ? safeBytes : hopefulBytes));
        vectors.push(...(await ask(inputs, purpose, until)));
      } catch (error) {
        if (!isTextRefused(error)) throw error;
        if (texts.length === 1) throw new TextRefused({ cause: error });
        vectors.push(...(await byHalves(part, purpose, until)));
      }
    }
    return vectors;
  };

  const embedBatch = async (
    texts: readonly string[],
    purpose: Purpose,
    signal: AbortSignal | undefined,
  ): Promise<readonly Float32Array[]> => {
    const until = { deadline: clock() + (purpose === "query" ? patience.queryMs : patience.passageMs), signal };
    try {
      return await ask(
        texts.map((text) => inputOf(text, purpose)),
        purpose,
        until,
      );
    } catch (error) {
      if (!isTextRefused(error)) throw error;
      // An endpoint that refuses this as well has something against us, not against the texts.
      await ask([inputOf(harmless, purpose)], purpose, until);
      return byHalves(texts, purpose, until);
    }
  };

  return {
    model,
    countTokens,
    embed: async (texts, purpose, signal) => {
      try {
        const vectors: Float32Array[] = [];
        for (const batch of batchesOf(texts, options)) vectors.push(...(await embedBatch(batch, purpose, signal)));
        return vectors;
      } catch (error) {
        throw error instanceof EndpointError ? unavailable(error) : error;
      }
    },
    close: async () => closing.abort(),
  };
}

const isTextRefused = (error: unknown): boolean => error instanceof EndpointError && error.failure === "text-refused";

/** To a caller every failure is the same; the log has the cause. */
function unavailable(error: EndpointError): AppError {
  const retryAfterS = Math.max(1, Math.ceil((error.retryAfterMs ?? 0) / 1_000));
  return new AppError("embedder-unavailable", { retryAfterS }, { cause: error });
}
