import type { SQLOutputValue } from "node:sqlite";
import { z } from "zod";
import type { ChunkText } from "#core/ports/index.ts";

type Row = Record<string, SQLOutputValue>;

const path = z.array(z.string());
const textRow = z.object({
  chunk_id: z.string(),
  body: z.string(),
  heading_path: z.string(),
  start_char: z.int(),
  end_char: z.int(),
  tokens: z.int(),
});

/** @throws ZodError when the row is not one of ours */
export function readText(row: Row): ChunkText {
  const { chunk_id, body, heading_path, start_char, end_char, tokens } = textRow.parse(row);
  const headingPath = path.parse(JSON.parse(heading_path));
  return { chunkId: chunk_id, text: body, headingPath, startChar: start_char, endChar: end_char, tokens };
}
