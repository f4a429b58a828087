import { AppError } from "#core/errors.ts";
import type { Embedder } from "#core/ports/embedder.ts";

/** Whether questions get through to the encoder, as far as they were asked: nothing is sent to an endpoint only to find out. */
export interface QuestionHealth {
  /** The same encoder, looked at. */
  watched(inner: Embedder): Embedder;
  /** False from a question that the encoder failed at until one that it took. */
  isEmbedding(): boolean;
}

/** Watches what becomes of questions at the encoder. One that was given up says nothing about it. */
export function watchQuestions(): QuestionHealth {
  let works = true;
  const looked = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      const result = await answer;
      works = true;
      return result;
    } catch (error) {
      if (error instanceof AppError && error.code === "embedder-unavailable") works = false;
      throw error;
    }
  };
  return {
    watched: (inner) => {
      const { tokenOutputs } = inner;
      return {
        model: inner.model,
        countTokens: (text) => inner.countTokens(text),
        embed: (texts, purpose, signal) => looked(inner.embed(texts, purpose, signal)),
        ...(tokenOutputs === undefined
          ? {}
          : {
              tokenOutputs: {
                dimensions: tokenOutputs.dimensions,
                words: (ids) => tokenOutputs.words(ids),
                embed: (texts, purpose, signal) => looked(tokenOutputs.embed(texts, purpose, signal)),
              },
            }),
        close: () => inner.close(),
      };
    },
    isEmbedding: () => works,
  };
}
