import type { Embedder } from "#core/ports/embedder.ts";
import { openEmbedder } from "#services/ports/embedders.ts";
import { madeUpEncoder } from "../retrieve/made-up-encoder.ts";

/** Encoders that lend their tokenizer and their name: one as behind most endpoints, and one that gives token outputs. */
export type EncoderName = "hashed" | "minilm";

/** What the measured processes share. */
export interface Place {
  readonly qdrantUrl: string;
  readonly redisUrl: string;
  readonly dataDir: string;
  readonly policyDir: string;
  readonly encoder: EncoderName;
}

/** The encoder that collection and questions are embedded with: vectors out of thin air, so that no encoder hides anything. */
export async function benchEncoder({ encoder }: Pick<Place, "encoder">): Promise<Embedder> {
  return madeUpEncoder(await openEmbedder(encoder, {}));
}
