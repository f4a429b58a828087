import { quantile } from "#core/calibration/metrics.ts";
import { type Output, progressBar, UsageError } from "../terminal.ts";
import { type Asked, ask } from "./asking.ts";
import { readDataset } from "./dataset.ts";
import { type Figures, figuresOf, itemOfPair, itemOfQuery, pairKey, pairsOf } from "./figures.ts";
import { type Instance, startInstance } from "./instance.ts";
import { checkUser, type IsolationFigures, type Mismatch } from "./isolation.ts";
import { type KindFigures, kindFigures } from "./kinds.ts";
import { corpusOf, type Leak } from "./leaks.ts";
import { mapDataset } from "./mapping.ts";
import type { EvalOptions, Split } from "./options.ts";
import { inSplit, judgedPairs, planOf } from "./plan.ts";
import { type SupersededFigures, supersededFigures } from "./superseded.ts";
import { addedIds, checkVisibility, probeHidden, type UserVisibility } from "./visibility-check.ts";

/** Times of a kind of request as the client sees them, ms. */
export interface Latency {
  readonly requests: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
}

/** Everything that an evaluation found; what `--json` prints. */
export interface EvalReport {
  readonly set: string;
  readonly split: Split;
  /** The gates and the model that were in force, as the first response says. */
  readonly service: { readonly model: string; readonly floor: number; readonly threshold: number } | null;
  readonly indexed: {
    /** Documents of the set. */
    readonly documents: number;
    /** Documents put: one of several tenants counts once for each. */
    readonly stored: number;
    readonly chunks: number | null;
    readonly seconds: number;
    readonly documents_per_second: number;
  };
  readonly visibility: {
    readonly users: number;
    readonly equal_by_filter: number;
    readonly equal_by_recheck: number;
    readonly by_user: readonly UserVisibility[];
  };
  readonly leaks: {
    /** Users × queries asked, over all their tenants. */
    readonly responses: number;
    readonly found: number;
    readonly first: readonly Leak[];
    /** Hidden documents asked for by name, and those that did not look missing. */
    readonly probes: number;
    readonly told: readonly string[];
  };
  readonly errors: { readonly count: number; readonly first: readonly { status: number; body: string }[] };
  /** By split: judged by the queries' own relevance. */
  readonly queries: Readonly<Record<string, Figures>>;
  /** By split: judged by what each user may see. Only for a set with access lists. */
  readonly pairs: Readonly<Record<string, Figures>> | null;
  readonly kinds: Readonly<Record<string, KindFigures>> | null;
  readonly latency: Latency;
  readonly superseded: { readonly queries: SupersededFigures; readonly users_and_queries: SupersededFigures } | null;
  readonly isolation: IsolationFigures | null;
}

/** The report and what the files are written from. */
export interface Evaluation {
  readonly report: EvalReport;
  /** One per query of the run, asked by the reader of the query. */
  readonly run: readonly Asked[];
  readonly asked: readonly Asked[];
}

const shown = 20;

/**
 * Runs a whole evaluation in a fresh instance, and removes the instance again.
 * @throws UsageError for a set that is not in the layout; CommandError when the service refuses the set.
 */
export async function evaluate(options: EvalOptions, stderr: Output): Promise<Evaluation> {
  const set = await readDataset(options.folder, options.superseded);
  const mapping = mapDataset(set);
  const plan = planOf(set, mapping, options);
  if (plan.queries.length === 0) throw new UsageError(`${options.folder} has no query in the split ${options.split}`);
  const pairs = judgedPairs(pairsOf(set, mapping), plan);
  const users = new Map(mapping.users.map((user) => [user.id, user]));
  const copies = mapping.documents.reduce((sum, document) => sum + document.tenants.length, 0);

  const instance = await startInstance(mapping, options.trustFile);
  let collected: Awaited<ReturnType<typeof collect>>;
  try {
    collected = await collect(instance);
  } finally {
    await instance.close();
  }
  const { loaded, visibility, probes, leaks, errors, asked } = collected;

  async function collect(running: Instance) {
    const putting = progressBar(stderr, "documents", copies);
    const put = await running.load(mapping.documents, () => putting.tick()).finally(() => putting.end());
    const checking = progressBar(stderr, "visible sets", mapping.users.length);
    const added = addedIds(set);
    const checked: UserVisibility[] = [];
    const probed = { asked: 0, told: [] as string[] };
    for (const user of mapping.users) {
      checked.push(await checkVisibility(running, user, set, added));
      const one = await probeHidden(running, user, mapping);
      probed.asked += one.asked;
      probed.told.push(...one.told);
      checking.tick();
    }
    checking.end();
    return { loaded: put, visibility: checked, probes: probed, ...(await askAll(running)) };
  }

  async function askAll(running: Instance) {
    const found: Leak[] = [];
    const failures: { status: number; body: string }[] = [];
    const results: Asked[] = [];
    const kept = new Set(options.isolation ? pairs.map((pair) => pairKey(pair.user, pair.queryId)) : []);
    const context = {
      api: running.api,
      corpus: corpusOf(set.documents),
      onLeak: (leak: Leak) => found.push(leak),
      onError: ({ status, body }: { status: number; body: string }) => failures.push({ status, body }),
    };
    const total = plan.questions.reduce((sum, { queries }) => sum + queries.length, 0);
    const asking = progressBar(stderr, "questions", total);
    for (const { user, queries } of plan.questions) {
      const tokens = await running.tokensOf(user);
      for (const query of queries) {
        results.push(await ask(context, user, tokens, query, kept.has(pairKey(user.id, query.id))));
        asking.tick();
      }
    }
    asking.end();
    return { leaks: found, errors: failures, asked: results };
  }

  const byPair = new Map(asked.map((one) => [pairKey(one.user, one.query.id), one]));
  const run = plan.queries.flatMap((query) => {
    const one = byPair.get(pairKey(plan.readerOf.get(query.id)?.id ?? "", query.id));
    return one === undefined ? [] : [one];
  });
  const judged = pairs.flatMap((pair) => {
    const one = byPair.get(pairKey(pair.user, pair.queryId));
    return one === undefined ? [] : [{ pair, one }];
  });
  const reported: readonly Split[] = options.split === "all" ? ["calib", "test", "all"] : [options.split];
  const bySplit = <T>(compute: (split: Split) => T) =>
    Object.fromEntries(reported.map((split) => [split, compute(split)]));

  const isolation = options.isolation ? await isolate() : null;

  async function isolate(): Promise<IsolationFigures> {
    const hidden = new Set(pairs.filter((pair) => pair.kind.startsWith("hidden-")).map((pair) => pair.user));
    const work = [...hidden].flatMap((id) => users.get(id) ?? []);
    const comparing = progressBar(stderr, "isolation", judged.filter(({ pair }) => hidden.has(pair.user)).length);
    const mismatches: Mismatch[] = [];
    let responses = 0;
    for (const user of work) {
      const own = judged.filter(({ pair }) => pair.user === user.id).map(({ one }) => one);
      const checked = await checkUser(mapping, options.trustFile, user, own, () => comparing.tick());
      mismatches.push(...checked.mismatches);
      responses += checked.responses;
    }
    comparing.end();
    return { users: work.length, responses, mismatches };
  }

  const times = asked.flatMap((one) => one.ms);
  const gates = asked.find((one) => one.gates !== null)?.gates ?? null;
  const report: EvalReport = {
    set: options.name,
    split: options.split,
    service: gates,
    indexed: {
      documents: mapping.documents.length,
      stored: loaded.documents,
      chunks: loaded.chunks,
      seconds: loaded.seconds,
      documents_per_second: loaded.documents / loaded.seconds,
    },
    visibility: {
      users: visibility.length,
      equal_by_filter: visibility.filter((one) => one.filter_equals_oracle).length,
      equal_by_recheck: visibility.filter((one) => one.recheck_equals_oracle).length,
      by_user: visibility,
    },
    leaks: {
      responses: asked.reduce((sum, one) => sum + one.ms.length, 0),
      found: leaks.length,
      first: leaks.slice(0, shown),
      probes: probes.asked,
      told: probes.told.slice(0, shown),
    },
    errors: { count: errors.length, first: errors.slice(0, shown) },
    queries: bySplit((split) => figuresOf(run.filter(({ query }) => inSplit(query, split)).map(itemOfQuery))),
    pairs:
      judged.length === 0
        ? null
        : bySplit((split) =>
            figuresOf(
              judged.filter(({ one }) => inSplit(one.query, split)).map(({ pair, one }) => itemOfPair(pair, one)),
            ),
          ),
    kinds: judged.length === 0 ? null : kindFigures(judged),
    latency: {
      requests: times.length,
      p50_ms: quantile(times, 0.5),
      p95_ms: quantile(times, 0.95),
      p99_ms: quantile(times, 0.99),
    },
    superseded: options.superseded
      ? {
          queries: supersededFigures(
            run.filter(({ query }) => inSplit(query, options.split)),
            set,
            users,
          ),
          users_and_queries: supersededFigures(
            asked.filter(({ query }) => inSplit(query, options.split)),
            set,
            users,
          ),
        }
      : null,
    isolation,
  };
  return { report, run, asked };
}

/** False when something came out that must never come out, or when the service failed. */
export function isClean({ visibility, leaks, errors, isolation }: EvalReport): boolean {
  return (
    leaks.found === 0 &&
    leaks.told.length === 0 &&
    errors.count === 0 &&
    visibility.equal_by_filter === visibility.users &&
    visibility.equal_by_recheck === visibility.users &&
    (isolation === null || isolation.mismatches.length === 0)
  );
}
