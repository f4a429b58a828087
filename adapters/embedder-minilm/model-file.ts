import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "#core/errors.ts";
import { hashParts } from "#core/ingest/hash.ts";
import { headerBytes, magic, maxSequence, offsets, vocabularySize } from "./shape.ts";
import { tokenizerVersion, WordPiece } from "./wordpiece.ts";

const entry = z.object({ file: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const manifestSchema = z.object({ name: z.string(), weights: entry, vocabulary: entry });

/** A checked model, ready for the network. */
export interface LoadedModel {
  readonly name: string;
  readonly weights: Uint8Array;
  readonly tokenizer: WordPiece;
  /** Hash over everything of this adapter that decides about a vector: weights, vocabulary, tokenizer, arithmetic, longest input. */
  readonly hash: string;
}

/** Changes whenever the kernels may round some vector otherwise. */
const arithmeticVersion = "int8-u7-2";

/**
 * Reads weights and vocabulary from a folder and holds them against its manifest.
 * @throws AppError `embedder-unavailable` when a file is missing, damaged or of another layout
 */
export async function loadModel(folder: string): Promise<LoadedModel> {
  try {
    const manifest = manifestSchema.parse(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")));
    const weights = await checkedFile(folder, manifest.weights);
    const vocabulary = await checkedFile(folder, manifest.vocabulary);
    const marked = weights.toString("latin1", 0, Math.min(magic.length, headerBytes));
    if (marked !== magic || weights.length !== offsets().total)
      throw new Error(`${manifest.weights.file}: another layout`);
    const tokenizer = new WordPiece(vocabulary.toString("utf8"));
    if (tokenizer.size !== vocabularySize) throw new Error(`${manifest.vocabulary.file}: ${tokenizer.size} tokens`);
    const parts = [manifest.weights.sha256, manifest.vocabulary.sha256, tokenizerVersion, arithmeticVersion];
    return { name: manifest.name, weights, tokenizer, hash: hashParts([...parts, String(maxSequence)]) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError("embedder-unavailable", { detail: `the built-in encoder cannot be loaded: ${why}` });
  }
}

async function checkedFile(folder: string, { file, sha256 }: z.infer<typeof entry>): Promise<Buffer> {
  const bytes = await readFile(join(folder, file));
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== sha256) throw new Error(`${file} has the SHA-256 ${found}, its manifest says ${sha256}`);
  return bytes;
}
