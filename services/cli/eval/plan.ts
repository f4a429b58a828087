import { CommandError } from "../terminal.ts";
import type { DataPair, DataQuery, Dataset } from "./dataset.ts";
import { pairKey } from "./figures.ts";
import type { MappedUser, Mapping } from "./mapping.ts";
import type { EvalOptions, Split } from "./options.ts";

/** Who asks what in an evaluation. */
export interface Plan {
  /** The queries asked, in the order of the set. */
  readonly queries: readonly DataQuery[];
  /** Users who ask, and their queries. */
  readonly questions: readonly { readonly user: MappedUser; readonly queries: readonly DataQuery[] }[];
  /** The one user whose answer stands for a query. */
  readonly readerOf: ReadonlyMap<string, MappedUser>;
}

/** True when a query belongs to a split. */
export const inSplit = (query: Pick<DataQuery, "split">, split: Split): boolean =>
  split === "all" || query.split === split;

/**
 * Decides who asks what.
 * - With access lists, and over a folder: every user asks every query, whatever the split, because leaks are looked for in all of them.
 * - Without: each query is asked by the caller of its tenant; the queries of the split, or of all splits where a file of the whole
 *   set is wanted and no split was named.
 * A limit takes the first queries of the split (or of all splits, as above), for every user.
 */
export function planOf(set: Dataset, mapping: Mapping, options: EvalOptions): Plan {
  const allSplits =
    !options.splitGiven &&
    [options.runFile, options.pairsFile, options.featuresFile, options.candidatesFile].some(
      (file) => file !== undefined,
    );
  const chosen = set.queries.filter((query) => allSplits || inSplit(query, options.split));
  const everything = mapping.everyoneAsks && options.limit === undefined;
  const queries = everything ? set.queries : chosen.slice(0, options.limit ?? chosen.length);
  const callerOf = (query: DataQuery): MappedUser => {
    const caller = mapping.callerOf(query);
    if (caller === undefined) {
      throw new CommandError(`query "${query.id}": no document has its tenant "${query.tenant ?? ""}"`);
    }
    return caller;
  };
  if (mapping.everyoneAsks) {
    return {
      queries,
      questions: mapping.users.map((user) => ({ user, queries })),
      readerOf: new Map(
        set.access === undefined
          ? queries.map((query) => [query.id, callerOf(query)])
          : queries.flatMap((query) => entry(query, bestReader(query, mapping.users))),
      ),
    };
  }
  const readerOf = new Map(queries.map((query) => [query.id, callerOf(query)]));
  const questions = mapping.users.map((user) => ({
    user,
    queries: queries.filter((query) => readerOf.get(query.id) === user),
  }));
  return { queries, questions, readerOf };
}

const entry = (query: DataQuery, user: MappedUser | undefined): [string, MappedUser][] =>
  user === undefined ? [] : [[query.id, user]];

/**
 * The user whose answer to a query is judged by the query's own relevance in a set with access lists: who may read most of its
 * relevant documents; among those, who sees most documents at all; then the first by name.
 */
export function bestReader(query: DataQuery, users: readonly MappedUser[]): MappedUser | undefined {
  const readable = (user: MappedUser) => query.relevant.filter((id) => user.visible.has(id)).length;
  return users.toSorted(
    (a, b) => readable(b) - readable(a) || b.visible.size - a.visible.size || (a.id < b.id ? -1 : 1),
  )[0];
}

/**
 * A plan in which users ask only what is judged: the given pairs, and each query by its reader. A twentieth of the questions where many
 * users are; leaks are then looked for in these alone.
 */
export function judgedOnly(plan: Plan, pairs: readonly DataPair[]): Plan {
  const judged = new Set(pairs.map((pair) => pairKey(pair.user, pair.queryId)));
  return {
    ...plan,
    questions: plan.questions.map(({ user, queries }) => ({
      user,
      queries: queries.filter(({ id }) => plan.readerOf.get(id)?.id === user.id || judged.has(pairKey(user.id, id))),
    })),
  };
}

/** The pairs that can be judged with the queries asked. */
export function judgedPairs(pairs: readonly DataPair[], plan: Plan): readonly DataPair[] {
  const asked = new Set(plan.queries.map((query) => query.id));
  return pairs.filter((pair) => asked.has(pair.queryId));
}
