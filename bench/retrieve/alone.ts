import { openMiniLm } from "#adapters/embedder-minilm/minilm.ts";
import { chunkDocument, embeddingInput } from "#core/text/chunk.ts";
import { parseDocument } from "#core/text/parse.ts";
import { round } from "../index/figures.ts";
import { bodyOf } from "./corpus.ts";

/**
 * What the built-in encoder takes by itself, with all its threads, for the chunks of so many documents of the collection, in the same batches
 * of a document each, four documents at a time: what an ingest that cost nothing else would take.
 */
export async function encoderAlone(
  from: number,
  documents: number,
): Promise<{ readonly encoderSeconds: number; readonly chunks: number }> {
  const encoder = await openMiniLm();
  const batches = Array.from({ length: documents }, (_, at) => {
    const title = `Document ${from + at}`;
    const parsed = parseDocument(bodyOf(from + at), "text/markdown");
    const chunks = chunkDocument(parsed, {
      title,
      maxTokens: encoder.model.maxTokens,
      countTokens: (text) => encoder.countTokens(text),
    });
    return chunks.map((chunk) => embeddingInput(title, chunk.headingPath, chunk.text));
  });
  await encoder.embed(batches[0] ?? [], "passage");
  const start = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let batch = batches[next++]; batch !== undefined; batch = batches[next++]) {
      // oxlint-disable-next-line no-await-in-loop
      await encoder.tokenOutputs.embed(batch, "passage");
    }
  };
  await Promise.all(Array.from({ length: 4 }, lane));
  const encoderSeconds = round((performance.now() - start) / 1_000);
  await encoder.close();
  return { encoderSeconds, chunks: batches.flat().length };
}
