import type { PairLine } from "./pair-lines.ts";

/** A feature that two runs computed otherwise; `null` = not there. */
export interface MovedFeature {
  readonly feature: string;
  readonly from: number | null;
  readonly to: number | null;
}

/** Why two answers to the same question are not the same. */
export type Cause =
  /** One of the requests failed. */
  | "a request failed"
  /** The confidences lie on both sides of the threshold. */
  | "the confidence crossed the threshold"
  /** The runs were not made with the same gates. */
  | "the gates differ"
  /** The same candidates in another order. */
  | "the order differs"
  /** One run found a document that the other one did not. */
  | "the candidates differ"
  /** The documents are the same and lie in the same order, and what was taken of them is not. */
  | "the passages differ"
  /** A gate before the confidence: of similarity, or of quality. */
  | "another gate decided";

/** What one user got for one query, where it is not the same twice; the first run's, then the second's. */
export interface Difference {
  readonly user: string;
  readonly query: string;
  /** `answered`, the reason of an abstention, or `error`. */
  readonly outcome: readonly [string, string];
  readonly cause: Cause;
  readonly confidence: readonly [number, number];
  /** In force in the first run; `null` when its request failed. */
  readonly threshold: number | null;
  /** Features that differ, those first that differ most of their own size. */
  readonly moved: readonly MovedFeature[];
  /** The first five passages, where they differ. */
  readonly passages: readonly [readonly string[], readonly string[]] | null;
  /** The first five documents before the gates, where they differ. */
  readonly documents: readonly [readonly string[], readonly string[]] | null;
}

/** How far two runs gave the same answers. */
export interface ParityFigures {
  readonly pairs: number;
  readonly same_outcome: number;
  /** The first five passages that were returned: the same places of the same documents, in the same order. */
  readonly same_passages: number;
  /** Pairs that at least one of the runs answered: an abstention has no passages, and so the same ones as any other. */
  readonly answered: number;
  readonly same_passages_of_answered: number;
  /** The first five documents of the ranking before the gates, abstentions included. */
  readonly same_documents: number;
  /** Largest difference of two confidences. */
  readonly largest_move: number;
  readonly differences: readonly Difference[];
}

const shown = 5;
const first = (list: readonly string[]) => list.slice(0, shown);
const isSame = (a: readonly string[], b: readonly string[]) => JSON.stringify(a) === JSON.stringify(b);
const resultOf = ({ outcome, reason }: PairLine) => reason ?? outcome;

/** Compares what two runs answered to the same questions. */
export function comparePairs(pairs: readonly (readonly [PairLine, PairLine])[]): ParityFigures {
  let [outcomes, passages, answered, answeredSame, documents, move] = [0, 0, 0, 0, 0, 0];
  const differences: Difference[] = [];
  for (const [a, b] of pairs) {
    const sameOutcome = resultOf(a) === resultOf(b);
    const samePassages = isSame(first(a.passages), first(b.passages));
    const sameDocuments = isSame(first(a.hits), first(b.hits));
    outcomes += Number(sameOutcome);
    passages += Number(samePassages);
    const isAnswered = a.outcome === "answered" || b.outcome === "answered";
    answered += Number(isAnswered);
    answeredSame += Number(isAnswered && samePassages);
    documents += Number(sameDocuments);
    move = Math.max(move, Math.abs(a.score - b.score));
    if (sameOutcome && samePassages && sameDocuments) continue;
    differences.push({
      user: a.user,
      query: a.query,
      outcome: [resultOf(a), resultOf(b)],
      cause: causeOf(a, b),
      confidence: [a.score, b.score],
      threshold: a.gates?.threshold ?? null,
      moved: movedFeatures(a.features ?? {}, b.features ?? {}),
      passages: samePassages ? null : [first(a.passages), first(b.passages)],
      documents: sameDocuments ? null : [first(a.hits), first(b.hits)],
    });
  }
  return {
    pairs: pairs.length,
    same_outcome: outcomes,
    same_passages: passages,
    answered,
    same_passages_of_answered: answeredSame,
    same_documents: documents,
    largest_move: move,
    differences,
  };
}

function causeOf(a: PairLine, b: PairLine): Cause {
  if (a.gates === null || b.gates === null || a.outcome === "error" || b.outcome === "error") return "a request failed";
  if (a.gates.floor !== b.gates.floor || a.gates.threshold !== b.gates.threshold) return "the gates differ";
  const { threshold } = a.gates;
  const isOver = ({ score }: PairLine) => score >= threshold;
  if (resultOf(a) !== resultOf(b)) {
    return isOver(a) === isOver(b) ? "another gate decided" : "the confidence crossed the threshold";
  }
  if (!isSame(first(a.hits).toSorted(), first(b.hits).toSorted())) return "the candidates differ";
  return isSame(first(a.hits), first(b.hits)) ? "the passages differ" : "the order differs";
}

function movedFeatures(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): MovedFeature[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const size = ({ from, to }: MovedFeature) =>
    from === null || to === null
      ? Number.POSITIVE_INFINITY
      : Math.abs(from - to) / Math.max(Math.abs(from), Math.abs(to));
  return names
    .map((feature) => ({ feature, from: a[feature] ?? null, to: b[feature] ?? null }))
    .filter(({ from, to }) => from !== to)
    .toSorted((one, other) => size(other) - size(one) || (one.feature < other.feature ? -1 : 1));
}
