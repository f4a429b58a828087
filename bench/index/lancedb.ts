import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { candidateDepth } from "#core/retrieval/candidates.ts";
import { type CorpusShape, documentsOf, generationAt, isReadable, questionAt, shares } from "./corpus.ts";
import { type Timing, timing } from "./figures.ts";

/** As much of `@lancedb/lancedb` as is used here; it is not a dependency, so its own types are not there. */
interface Lance {
  connect(path: string): Promise<{
    createTable(name: string, rows: readonly object[]): Promise<Table>;
  }>;
}
interface Table {
  add(rows: readonly object[]): Promise<unknown>;
  search(vector: Float32Array): Search;
}
interface Search {
  distanceType(type: "dot"): Search;
  where(condition: string): Search;
  select(columns: readonly string[]): Search;
  limit(rows: number): Search;
  toArray(): Promise<readonly unknown[]>;
}

/** LanceDB's time for one share of visible chunks, exact search with its filter applied first. */
export interface LanceFigures {
  readonly percent: number;
  readonly search: Timing;
}

const documentsPerBatch = 1_000;

/**
 * Writes the same chunks to LanceDB and asks the same questions inside the same shares.
 * @param folder where `npm install @lancedb/lancedb` was run
 */
export async function measureLance(
  folder: string,
  shape: CorpusShape,
  queries: number,
): Promise<readonly LanceFigures[]> {
  const path = createRequire(join(resolve(folder), "package.json")).resolve("@lancedb/lancedb");
  const lance: { readonly default?: Lance } & Lance = await import(pathToFileURL(path).href);
  const data = mkdtempSync(join(tmpdir(), "reticent-lancedb-"));
  try {
    const database = await (lance.default ?? lance).connect(data);
    let table: Table | undefined;
    for (let from = 0; from < documentsOf(shape); from += documentsPerBatch) {
      const rows = Array.from(
        { length: Math.min(documentsPerBatch, documentsOf(shape) - from) },
        (_, i) => from + i,
      ).flatMap((document) => {
        const readable = Object.fromEntries(
          shares.map(({ percent }) => [`visible${percent}`, isReadable(document, percent)]),
        );
        return generationAt(document, shape).chunks.map(({ chunkId, vector }) => ({ chunkId, vector, ...readable }));
      });
      if (table === undefined) table = await database.createTable("chunks", rows);
      else await table.add(rows);
    }
    if (table === undefined) return [];
    const filled = table;
    const questions = Array.from({ length: queries + 5 }, (_, number) => questionAt(number, shape).vector);
    const figures: LanceFigures[] = [];
    for (const { percent } of shares) {
      const search = await timing(queries, (number) =>
        filled
          .search(questions[number] ?? new Float32Array(shape.dimensions))
          .distanceType("dot")
          .where(`visible${percent} = true`)
          .select(["chunkId", "_distance"])
          .limit(candidateDepth)
          .toArray(),
      );
      figures.push({ percent, search });
    }
    return figures;
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}
