import { loadavg } from "node:os";
import { harmsOf, Killer } from "./actors/killer.ts";
import { enableEverybody } from "./actors/principals.ts";
import { runProbes, runReaders } from "./actors/readers.ts";
import { runWriters } from "./actors/writers.ts";
import { sources } from "./cast.ts";
import { type Chaos, outageCodes, randomOf, signTokens } from "./context.ts";
import { Counts, Recoveries } from "./figures.ts";
import { checkAtRest, type FinalFigures } from "./final/final.ts";
import { type Violation, World } from "./model/world.ts";
import { startStack } from "./stack/stack.ts";

/** What is to be run. */
export interface RunOptions {
  readonly seed: number;
  readonly documents: number;
  /** Episodes of change, beside the creation of the documents. */
  readonly changes: number;
  readonly kills: number;
  /** Questions of each reader at the end. */
  readonly questions: number;
  /** Entry of the processes, see `StackOptions`. */
  readonly program: readonly string[];
  /** Leaves the logs of the processes. */
  readonly keep: boolean;
  readonly onStart: (folder: string) => void;
  readonly onStep: (step: { readonly done: number; readonly total: number; readonly remark: string }) => void;
  readonly onViolation: (violation: Violation) => void;
}

/** What came of it. */
export interface RunReport {
  readonly seed: number;
  readonly documents: number;
  readonly durationS: number;
  /** Until every write was answered. */
  readonly writtenS: number;
  readonly episodes: number;
  readonly episodesPerS: number;
  readonly writes: Readonly<Record<string, number>>;
  readonly reads: Readonly<Record<string, number>>;
  /** Of all questions, those that were answered with 503. */
  readonly unavailableShare: number;
  readonly kills: number;
  readonly harms: Readonly<Record<string, number>>;
  readonly recoveryMs: ReturnType<Recoveries["toObject"]>;
  readonly final: FinalFigures;
  readonly load: readonly number[];
  readonly violations: Readonly<Record<string, number>>;
}

const deadlineMs = 5_000;
const graceMs = 8_000;
const sweepMs = 2_000;

/** Runs everything once. @throws ServerMissing */
export async function run(options: RunOptions): Promise<RunReport> {
  const world = new World(options.seed);
  const violations = new Counts();
  const report = (violation: Violation): void => {
    violations.add(violation.kind);
    options.onViolation(violation);
  };
  const stack = await startStack({
    deadlineMs,
    graceMs,
    sweepMs,
    program: options.program,
    onCollapse: (name, code) => report({ kind: "collapsed", message: `${name} ended by itself with ${code}` }),
  });
  try {
    options.onStart(stack.folder);
    const random = randomOf(options.seed);
    makeDocuments(world, options.documents, random(500));
    const startedAt = performance.now();
    const chaos: Chaos = {
      world,
      stack,
      tokens: await signTokens(stack),
      deadlineMs,
      writes: new Counts(),
      reads: new Counts(),
      recoveries: new Recoveries(),
      narrowed: [],
      found: [],
      changed: [],
      unseen: new Set(),
      startedAt,
      report,
      random,
    };
    const killer = new Killer(chaos, harmsOf(random(600), options.kills, stack.qdrant.isOwn ? [] : ["kill-qdrant"]));
    const readers = runReaders(chaos, 8, 10);
    const probes = runProbes(chaos, 5);
    await runWriters(chaos, {
      changes: options.changes,
      concurrency: 12,
      backlog: 300,
      onProgress: ({ done, total }) => {
        killer.cameTo(done / total);
        options.onStep({ done, total, remark: `${killer.kills} kills, ${violations.total} violations` });
      },
    });
    const writtenS = (performance.now() - startedAt) / 1_000;
    await killer.finish();
    await enableEverybody(chaos);
    await Promise.all([readers.stop(), probes.stop()]);
    const { reads } = chaos;
    const asked = ["answered", "abstained", "principal-disabled"].reduce((sum, name) => sum + reads.of(name), 0);
    const away = outageCodes.reduce((sum, code) => sum + reads.of(code), 0);
    const readsSoFar = reads.toObject();
    const final = await checkAtRest(chaos, options.questions);
    for (const wound of chaos.recoveries.open) report({ kind: "no-recovery", message: wound });
    const episodes = options.documents + options.changes;
    return {
      seed: options.seed,
      documents: options.documents,
      durationS: (performance.now() - startedAt) / 1_000,
      writtenS,
      episodes,
      episodesPerS: episodes / writtenS,
      writes: chaos.writes.toObject(),
      reads: readsSoFar,
      unavailableShare: away / Math.max(1, asked + away),
      kills: killer.kills,
      harms: killer.done.toObject(),
      recoveryMs: chaos.recoveries.toObject(),
      final,
      load: loadavg(),
      violations: violations.toObject(),
    };
  } finally {
    await stack.stop(options.keep || violations.total > 0);
  }
}

function makeDocuments(world: World, count: number, random: () => number): void {
  for (let number = 0; number < count; number += 1) {
    // One in eight is of the second tenant; both have documents of the same names.
    const tenant = number % 8 === 7 ? "two" : "one";
    const source = sources[Math.floor(random() * random() * sources.length)] ?? "wiki";
    const odd = number % 97 === 0 ? `odd/ü,{id}:${number}` : `page-${tenant === "two" ? number - 1 : number}`;
    world.add(tenant, source, odd);
  }
}
