import { availableParallelism, loadavg } from "node:os";
import { searchDense } from "#adapters/index-sqlite/engine/dense.ts";
import { searchLexical } from "#adapters/index-sqlite/engine/lexical.ts";
import { inThread } from "#adapters/index-sqlite/engine/link.ts";
import { loadFile } from "#adapters/index-sqlite/engine/load.ts";
import { selectionOf } from "#adapters/index-sqlite/engine/selection.ts";
import { Space } from "#adapters/index-sqlite/engine/space.ts";
import { cosine, vectorsOf } from "#adapters/index-sqlite/engine/vectors.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { LiveColumns } from "#adapters/ledger-sqlite/live-columns.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { candidateDepth } from "#core/retrieval/candidates.ts";
import {
  type CorpusShape,
  documentsOf,
  filterOf,
  fingerprint,
  isReadable,
  questionAt,
  recordAt,
  shares,
} from "./corpus.ts";
import { residentMb, round, type Timing, timing } from "./figures.ts";

/** Figures for one share of visible chunks; times in ms. */
export interface ShareFigures {
  readonly percent: number;
  readonly chunks: number;
  /** The whole search through the port: selection, thread, both halves. */
  readonly search: Timing;
  /** The same with `density`. */
  readonly searchWithDensity: Timing;
  /** The same without terms: what a vector database would be asked. */
  readonly searchDenseOnly: Timing;
  /** The same right after a commit: the selection has to be worked out and handed over again. */
  readonly searchAfterCommit: Timing;
  /** Of the last, what ran on the caller's thread. */
  readonly selectAfterCommit: Timing;
  readonly dense: Timing;
  readonly lexical: Timing;
  /** The int8 products of the visible rows and nothing else. */
  readonly bareScan: Timing;
  /** Share of the exact best {@link candidateDepth} that the dense half found. */
  readonly recall: number;
}

export interface Figures {
  readonly chunks: number;
  readonly dimensions: number;
  readonly scan: string;
  readonly startMs: number;
  /** Processor time of the start, which other work on the machine moves less. */
  readonly startCpuMs: number;
  readonly rssBeforeMb: number;
  readonly rssMb: number;
  readonly load: number;
  readonly cores: number;
  readonly shares: readonly ShareFigures[];
}

/** Measures the index in a database file that {@link CorpusShape} was written to. */
export async function measure(file: string, shape: CorpusShape, queries: number): Promise<Figures> {
  const live = new LiveColumns();
  for (let document = 0; document < documentsOf(shape); document++) live.apply(recordAt(document));
  const questions = Array.from({ length: queries + 5 }, (_, number) => questionAt(number, shape));
  const question = (number: number) => questions[number] ?? questionAt(number, shape);

  const rssBeforeMb = residentMb();
  const database = openDatabase(file);
  const start = performance.now();
  const startCpu = process.cpuUsage();
  const model = { fingerprint, dimensions: shape.dimensions };
  const index = await openSqliteIndex({ database, live, model, engine: inThread });
  const startMs = Math.round(performance.now() - start);
  const spent = process.cpuUsage(startCpu);
  const startCpuMs = Math.round((spent.user + spent.system) / 1000);
  const throughPort = [];
  for (const { percent, token } of shares) {
    const filter = filterOf(token);
    const ask = (number: number, more: { density?: boolean; terms?: string[] } = {}) =>
      index.search({ ...question(number), fingerprint, filter, limit: candidateDepth, ...more });
    const figures = {
      search: await timing(queries, (number) => ask(number)),
      searchWithDensity: await timing(queries, (number) => ask(number, { density: true })),
      searchDenseOnly: await timing(queries, (number) => ask(number, { terms: [] })),
      searchAfterCommit: await timing(Math.min(queries, 30), (number) => {
        live.apply(recordAt(0));
        return ask(number);
      }),
      selectAfterCommit: await timing(Math.min(queries, 30), () => {
        live.apply(recordAt(0));
        live.select(fingerprint, filter);
      }),
    };
    throughPort.push({ percent, ...figures });
  }
  const rssMb = residentMb();
  await index.close();
  database.close();

  const space = new Space(shape.dimensions);
  const handles: number[] = [];
  for (const generation of loadFile(file)) {
    handles.push(generation.handle);
    space.add(generation.handle, vectorsOf(generation.vectors), generation.packed);
  }
  const inside: ShareFigures[] = [];
  for (const figures of throughPort) {
    const { percent } = figures;
    const readable = handles.filter((_, document) => isReadable(document, percent));
    const selection = selectionOf(space, Int32Array.from(readable));
    const { slots } = selection;
    const out = new Float64Array(slots.length);
    const coarse = space.coarse.coarse(question(0).vector);
    let hits = 0;
    let wanted = 0;
    for (const { vector } of questions.slice(0, 20)) {
      const all = [...slots.keys()].map((position): [number, number] => [
        position,
        cosine(space.exact.of(slots[position] ?? 0), vector),
      ]);
      const truth = all
        .filter(([, value]) => value > 0)
        .toSorted(([p, a], [q, b]) => b - a || p - q)
        .slice(0, candidateDepth);
      const found = new Set(searchDense(space, selection, vector, candidateDepth).found);
      wanted += truth.length;
      hits += truth.filter(([position]) => found.has(position)).length;
    }
    inside.push({
      ...figures,
      chunks: slots.length,
      dense: await timing(queries, (number) => searchDense(space, selection, question(number).vector, candidateDepth)),
      lexical: await timing(queries, (number) => searchLexical(space, selection, question(number).terms)),
      bareScan: await timing(queries, () => space.coarse.scan(coarse, slots, out)),
      recall: wanted === 0 ? 1 : round(hits / wanted, 5),
    });
  }
  return {
    ...shape,
    scan: space.coarse.kind,
    startMs,
    startCpuMs,
    rssBeforeMb,
    rssMb,
    load: round(loadavg()[0] ?? 0, 1),
    cores: availableParallelism(),
    shares: inside,
  };
}
