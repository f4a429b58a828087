import { expect, test } from "vitest";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { chunkDocument } from "#core/text/chunk.ts";
import { parseDocument } from "#core/text/parse.ts";
import { bodyOf, markerOf, stampsIn, titleOf } from "./content.ts";

test("every chunk of a text tells of which document and of which put it is, and of no other", () => {
  const { countTokens } = hashedEmbedder();
  const marker = markerOf(1, "one", "wiki", "page");
  const content = { version: 12, put: 3_456 };
  const counts = [0.1, 0.7, 0.9].map((draw) => {
    const body = bodyOf(marker, content, draw);
    const chunks = chunkDocument(parseDocument(body, "text/plain"), {
      title: titleOf(marker, content),
      maxTokens: 256,
      countTokens,
    });
    for (const { text } of chunks) expect(stampsIn(text)).toEqual([{ ...content, marker }]);
    return chunks.length;
  });
  expect(counts).toEqual([1, 2, 3]);
});
