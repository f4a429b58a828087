import type { Comparison } from "./baseline.ts";
import type { ExpectationFigures } from "./expectations.ts";
import type { Figures } from "./figures.ts";
import type { IsolationFigures } from "./isolation.ts";
import type { KindFigures } from "./kinds.ts";
import type { Leak } from "./leaks.ts";
import type { Split } from "./options.ts";
import type { StoredItem } from "./stored-items.ts";
import type { SupersededFigures } from "./superseded.ts";
import type { UserVisibility } from "./visibility-check.ts";

/** The layout of {@link EvalReport}. */
export const reportFormat = 2;

/** Times of a kind of request as the client sees them, ms. */
export interface Latency {
  readonly requests: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
}

/** Everything that an evaluation found; what `--json` prints. */
export interface EvalReport {
  /** Raised when a reader of an older report would misread this one. */
  readonly format: typeof reportFormat;
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
  /** Queries whose set says what must come out; `null` when none does. */
  readonly expectations: ExpectationFigures | null;
  /** Queries with documents judged wrong, and those in which one of these came before every relevant document. */
  readonly wrong: { readonly queries: number; readonly wrong_first: number } | null;
  /** Against an earlier run; `null` without one. */
  readonly baseline: Comparison | null;
  /** What the figures of the split were computed from, one row per answer. */
  readonly values: { readonly queries: readonly StoredItem[]; readonly pairs: readonly StoredItem[] | null };
}

/** False when something came out that must never come out, when the service failed, or when an expected outcome did not. */
export function isClean({ visibility, leaks, errors, isolation, expectations }: EvalReport): boolean {
  return (
    leaks.found === 0 &&
    leaks.told.length === 0 &&
    errors.count === 0 &&
    visibility.equal_by_filter === visibility.users &&
    visibility.equal_by_recheck === visibility.users &&
    (isolation === null || isolation.mismatches.length === 0) &&
    (expectations === null || expectations.failed.length === 0)
  );
}

/** The report as JSON: indented, with one line per row of {@link EvalReport.values}, so that two of them can be compared by eye. */
export function reportJson(report: EvalReport): string {
  const { values, ...rest } = report;
  const rows = (items: readonly StoredItem[] | null) =>
    items === null ? "null" : `[${items.map((item) => `\n      ${JSON.stringify(item)}`).join(",")}\n    ]`;
  const head = JSON.stringify(rest, null, 2).replace(/\n\}$/, "");
  return `${head},\n  "values": {\n    "queries": ${rows(values.queries)},\n    "pairs": ${rows(values.pairs)}\n  }\n}\n`;
}
