/** A list that cannot be empty. To the server, `should: []` and `must: []` mean "everything". */
export type Some<T> = [T, ...T[]];

/** Bounds of a numeric field. */
export interface Range {
  gt?: number;
  gte?: number;
  lt?: number;
  lte?: number;
}

/** One condition on a point. */
export type Condition =
  | { key: string; match: { value: string | number | boolean } | { any: Some<string> } | { except: Some<string> } }
  | { key: string; range: Range }
  | { is_empty: { key: string } }
  | { has_id: Some<string> }
  | Filter;

/** Conditions that have at least one member wherever they are given: nothing in it can mean "everything" by being empty. */
export type Filter = AllOf | { should: Some<Condition> };

/** Conditions that all hold, and others none of which does. */
export interface AllOf {
  must: Some<Condition>;
  must_not?: Some<Condition>;
}

/** A filter was about to be compiled from nothing. A bug of ours, and never to be sent. */
export class EmptyFilterError extends Error {
  constructor(what: string) {
    super(`a filter would have been compiled from an empty list: ${what}`);
    this.name = "EmptyFilterError";
  }
}

/** @throws EmptyFilterError */
export function some<T>(list: readonly T[], what: string): Some<T> {
  const [first, ...rest] = list;
  if (first === undefined) throw new EmptyFilterError(what);
  return [first, ...rest];
}

/** Points whose field has this value, or holds it in its list. */
export const is = (key: string, value: string | number | boolean): Condition => ({ key, match: { value } });

/** Points whose field has one of the values. @throws EmptyFilterError */
export const oneOf = (key: string, values: readonly string[]): Condition => ({
  key,
  match: { any: some(values, key) },
});

/** Points whose list holds something else than the values. @throws EmptyFilterError */
export const hasOther = (key: string, values: readonly string[]): Condition => ({
  key,
  match: { except: some(values, key) },
});

/** Points whose number lies in a range. */
export const within = (key: string, range: Range): Condition => ({ key, range });

/** Points without the field, or with an empty list. */
export const isEmpty = (key: string): Condition => ({ is_empty: { key } });

/** Points by id. @throws EmptyFilterError */
export const ids = (list: readonly string[]): Condition => ({ has_id: some(list, "ids") });

/** All of the conditions, and none of the others. @throws EmptyFilterError when there is no condition that has to hold */
export function allOf(must: readonly Condition[], mustNot: readonly Condition[] = []): AllOf {
  const required = { must: some(must, "conditions that all hold") };
  return mustNot.length === 0 ? required : { ...required, must_not: some(mustNot, "conditions that do not hold") };
}

/** A filter with further conditions, in the same two lists: the server is quicker with those than with a filter inside a filter. */
export const also = (filter: AllOf, must: readonly Condition[], mustNot: readonly Condition[] = []): AllOf =>
  allOf([...filter.must, ...must], [...(filter.must_not ?? []), ...mustNot]);

/** At least one of the conditions. @throws EmptyFilterError */
export function anyOf(conditions: readonly Condition[]): Filter {
  return { should: some(conditions, "conditions of which one holds") };
}
