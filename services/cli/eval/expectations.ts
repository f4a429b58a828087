import type { Asked } from "./asking.ts";
import { type DataExpect, nothingReadable } from "./dataset.ts";

/** What came of the queries whose set says what must come out. */
export interface ExpectationFigures {
  readonly checked: number;
  readonly failed: readonly {
    readonly query: string;
    readonly user: string;
    readonly expected: string;
    readonly got: string;
  }[];
}

const shownExpectation = (expect: DataExpect): string =>
  expect.outcome === "abstained"
    ? `abstained, ${expect.reason}`
    : `answered${expect.document === undefined ? "" : `, ${expect.document} first`}`;

function isMet(expect: DataExpect, asked: Asked): boolean {
  if (expect.outcome === "answered") {
    return asked.outcome === "answered" && (expect.document ?? asked.hits[0]) === asked.hits[0];
  }
  const reasons: readonly string[] = expect.reason === "nothing_readable" ? nothingReadable : [expect.reason];
  return asked.outcome === "abstained" && asked.reason !== null && reasons.includes(asked.reason);
}

/** Holds the answers against `expect` of their queries; `null` when no query has one. */
export function expectationFigures(run: readonly Asked[]): ExpectationFigures | null {
  const checked = run.flatMap((asked) =>
    asked.query.expect === undefined ? [] : [{ asked, expect: asked.query.expect }],
  );
  if (checked.length === 0) return null;
  const failed = checked.filter(({ asked, expect }) => !isMet(expect, asked));
  return {
    checked: checked.length,
    failed: failed.map(({ asked, expect }) => ({
      query: asked.query.id,
      user: asked.user,
      expected: shownExpectation(expect),
      got: asked.outcome === "answered" ? `answered, ${asked.hits[0]} first` : (asked.reason ?? asked.outcome),
    })),
  };
}

/** Counts the queries with documents judged wrong in which one of these comes before every relevant one; `null` when no query has any. */
export function wrongFirst(run: readonly Asked[]): { queries: number; wrong_first: number } | null {
  const judged = run.filter(({ query }) => (query.wrong ?? []).length > 0);
  if (judged.length === 0) return null;
  const first = judged.filter(({ query, hits }) => {
    const wrong = hits.findIndex((id) => query.wrong?.includes(id));
    const right = hits.findIndex((id) => query.relevant.includes(id));
    return wrong >= 0 && (right < 0 || wrong < right);
  });
  return { queries: judged.length, wrong_first: first.length };
}
