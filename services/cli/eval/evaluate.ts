import { quantile } from "#core/calibration/metrics.ts";
import { type Output, progressBar, UsageError } from "../terminal.ts";
import { type Asked, ask } from "./asking.ts";
import type { DataPair } from "./dataset.ts";
import { type EvalReport, reportFormat } from "./eval-report.ts";
import { expectationFigures, wrongFirst } from "./expectations.ts";
import { figuresOf, itemOfPair, itemOfQuery, pairKey, pairsOf } from "./figures.ts";
import type { Instance, Loaded } from "./instance.ts";
import { checkUser, type IsolationFigures, type Mismatch } from "./isolation.ts";
import { kindFigures } from "./kinds.ts";
import { corpusOf, type Leak } from "./leaks.ts";
import type { EvalOptions, Split } from "./options.ts";
import { inSplit, judgedOnly, judgedPairs, type Plan, planOf } from "./plan.ts";
import { storedItem } from "./stored-items.ts";
import { supersededFigures } from "./superseded.ts";
import { addedIds, checkVisibility, probeHidden, type UserVisibility } from "./visibility-check.ts";
import { openWorld, type World } from "./world.ts";

/** An answer with the pair that judges it. */
interface JudgedPair {
  readonly pair: DataPair;
  readonly one: Asked;
}

/** The report and what the files are written from. */
export interface Evaluation {
  readonly report: EvalReport;
  /** One per query of the run, asked by the reader of the query. */
  readonly run: readonly Asked[];
  readonly asked: readonly Asked[];
  readonly judged: readonly JudgedPair[];
}

const shown = 20;

/**
 * Runs a whole evaluation in a fresh instance, and removes the instance again.
 * @throws UsageError for a set that is not in the layout; CommandError when the service refuses the set.
 */
export async function evaluate(options: EvalOptions, stderr: Output): Promise<Evaluation> {
  const world = await openWorld(options);
  const { set, mapping } = world;
  const whole = planOf(set, mapping, options);
  if (whole.queries.length === 0) throw new UsageError(`${options.folder} has no query in the split ${options.split}`);
  const pairs = judgedPairs(pairsOf(set, mapping), whole);
  const plan = options.candidatesFile === undefined ? whole : judgedOnly(whole, pairs);
  const overFolder = set.access === undefined && mapping.everyoneAsks;
  const isKept = (user: string, query: string): boolean =>
    options.isolation && (overFolder || keptPairs.has(pairKey(user, query)));
  const keptPairs = new Set(pairs.map((pair) => pairKey(pair.user, pair.queryId)));

  const instance = await world.start();
  let collected: Collected;
  try {
    const keepRows = options.candidatesFile !== undefined;
    collected = await collect(instance, world, plan, { isKept, keepRows }, stderr);
  } finally {
    await instance.close();
  }
  const { asked } = collected;

  const byPair = new Map(asked.map((one) => [pairKey(one.user, one.query.id), one]));
  const run = plan.queries.flatMap((query) => {
    const one = byPair.get(pairKey(plan.readerOf.get(query.id)?.id ?? "", query.id));
    return one === undefined ? [] : [one];
  });
  const judged = pairs.flatMap((pair) => {
    const one = byPair.get(pairKey(pair.user, pair.queryId));
    return one === undefined ? [] : [{ pair, one }];
  });
  const isolation = options.isolation ? await isolate(world, overFolder ? asked : hiddenAsked(judged), stderr) : null;
  const report = reportOf(options, world, collected, run, judged, isolation);
  return { report, run, asked, judged };
}

interface Collected {
  readonly loaded: Loaded;
  readonly visibility: readonly UserVisibility[];
  readonly probes: { readonly asked: number; readonly told: readonly string[] };
  readonly leaks: readonly Leak[];
  readonly errors: readonly { readonly status: number; readonly body: string }[];
  readonly asked: readonly Asked[];
}

async function collect(
  running: Instance,
  { set, mapping }: World,
  plan: Plan,
  { isKept, keepRows }: { isKept: (user: string, query: string) => boolean; keepRows: boolean },
  stderr: Output,
): Promise<Collected> {
  const copies = mapping.documents.reduce((sum, document) => sum + document.tenants.length, 0);
  const putting = progressBar(stderr, "documents", copies);
  const loaded = await running.load(mapping.documents, () => putting.tick()).finally(() => putting.end());
  const checking = progressBar(stderr, "visible sets", mapping.users.length);
  const added = addedIds(set);
  const visibility: UserVisibility[] = [];
  const probes = { asked: 0, told: [] as string[] };
  for (const user of mapping.users) {
    visibility.push(await checkVisibility(running, user, set, mapping.nameOf, added));
    const one = await probeHidden(running, user, mapping);
    probes.asked += one.asked;
    probes.told.push(...one.told);
    checking.tick();
  }
  checking.end();

  const leaks: Leak[] = [];
  const errors: { status: number; body: string }[] = [];
  const asked: Asked[] = [];
  const ids = new Map(mapping.documents.map(({ id, documentId }) => [id, documentId]));
  const context = {
    api: running.api,
    corpus: corpusOf(set.documents, (name) => ids.get(name) ?? name),
    nameOf: mapping.nameOf,
    keepRows,
    never: set.queries.flatMap((query) => query.never ?? []),
    onLeak: (leak: Leak) => leaks.push(leak),
    onError: ({ status, body }: { status: number; body: string }) => errors.push({ status, body }),
  };
  const total = plan.questions.reduce((sum, { queries }) => sum + queries.length, 0);
  const asking = progressBar(stderr, "questions", total);
  for (const { user, queries } of plan.questions) {
    const tokens = await running.tokensOf(user);
    for (const query of queries) {
      asked.push(await ask(context, user, tokens, query, isKept(user.id, query.id)));
      asking.tick();
    }
  }
  asking.end();
  return { loaded, visibility, probes, leaks, errors, asked };
}

/** What users got from whom something relevant is hidden: all of their judged answers. */
function hiddenAsked(judged: readonly JudgedPair[]): readonly Asked[] {
  const hidden = new Set(judged.filter(({ pair }) => pair.kind.startsWith("hidden-")).map(({ pair }) => pair.user));
  return judged.filter(({ pair }) => hidden.has(pair.user)).map(({ one }) => one);
}

async function isolate(world: World, compared: readonly Asked[], stderr: Output): Promise<IsolationFigures> {
  const byUser = Map.groupBy(compared, (one) => one.user);
  const comparing = progressBar(stderr, "isolation", compared.length);
  const mismatches: Mismatch[] = [];
  let responses = 0;
  let users = 0;
  for (const user of world.mapping.users) {
    const own = byUser.get(user.id);
    if (own === undefined) continue;
    const checked = await checkUser(world, user, own, () => comparing.tick());
    mismatches.push(...checked.mismatches);
    responses += checked.responses;
    users++;
  }
  comparing.end();
  return { users, responses, mismatches };
}

function reportOf(
  options: EvalOptions,
  { set, mapping }: World,
  { loaded, visibility, probes, leaks, errors, asked }: Collected,
  run: readonly Asked[],
  judged: readonly JudgedPair[],
  isolation: IsolationFigures | null,
): EvalReport {
  const users = new Map(mapping.users.map((user) => [user.id, user]));
  const reported: readonly Split[] = options.split === "all" ? ["calib", "test", "all"] : [options.split];
  const bySplit = <T>(compute: (split: Split) => T) =>
    Object.fromEntries(reported.map((split) => [split, compute(split)]));
  const inside = run.filter(({ query }) => inSplit(query, options.split));
  const queryItems = (split: Split) => run.filter(({ query }) => inSplit(query, split)).map(itemOfQuery);
  const pairItems = (split: Split) =>
    judged.filter(({ one }) => inSplit(one.query, split)).map(({ pair, one }) => itemOfPair(pair, one));
  const times = asked.flatMap((one) => one.ms);
  const superseded = (answers: readonly Asked[]) =>
    supersededFigures(
      answers.filter(({ query }) => inSplit(query, options.split)),
      set,
      users,
    );
  return {
    format: reportFormat,
    set: options.name,
    split: options.split,
    service: asked.find((one) => one.gates !== null)?.gates ?? null,
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
    queries: bySplit((split) => figuresOf(queryItems(split))),
    pairs: judged.length === 0 ? null : bySplit((split) => figuresOf(pairItems(split))),
    kinds: kindsOf(run, judged, set.access === undefined && mapping.everyoneAsks),
    latency: {
      requests: times.length,
      p50_ms: quantile(times, 0.5),
      p95_ms: quantile(times, 0.95),
      p99_ms: quantile(times, 0.99),
    },
    superseded: options.superseded ? { queries: superseded(run), users_and_queries: superseded(asked) } : null,
    isolation,
    expectations: expectationFigures(inside),
    wrong: wrongFirst(inside),
    baseline: null,
    values: {
      queries: queryItems(options.split).map(storedItem),
      pairs: judged.length === 0 ? null : pairItems(options.split).map(storedItem),
    },
  };
}

function kindsOf(run: readonly Asked[], judged: readonly JudgedPair[], overFolder: boolean) {
  if (overFolder) return kindFigures(run.map((one) => ({ pair: one.query, one })));
  return judged.length === 0 ? null : kindFigures(judged);
}
