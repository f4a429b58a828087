import type { Filter } from "#adapters/index-qdrant/filter.ts";

type Payload = Readonly<Record<string, unknown>>;

/**
 * Whether a point matches a filter, as the server decides it: a condition on a list holds when it holds for a member, `except` included, and a
 * filter without conditions matches everything.
 */
export function matches(filter: unknown, id: string, payload: Payload): boolean {
  const { must, must_not, should } = (filter ?? {}) as Partial<Record<string, readonly unknown[]>>;
  return (
    (must ?? []).every((one) => holds(one, id, payload)) &&
    !(must_not ?? []).some((one) => holds(one, id, payload)) &&
    ((should ?? []).length === 0 || (should ?? []).some((one) => holds(one, id, payload)))
  );
}

function holds(condition: unknown, id: string, payload: Payload): boolean {
  const one = condition as {
    readonly key?: string;
    readonly match?: {
      readonly value?: unknown;
      readonly any?: readonly unknown[];
      readonly except?: readonly unknown[];
    };
    readonly range?: { readonly gt?: number; readonly gte?: number; readonly lt?: number; readonly lte?: number };
    readonly is_empty?: { readonly key: string };
    readonly has_id?: readonly string[];
  };
  if (one.has_id !== undefined) return one.has_id.includes(id);
  if (one.is_empty !== undefined) return valuesOf(payload, one.is_empty.key).length === 0;
  if (one.key === undefined) return matches(one as Filter, id, payload);
  const { match, range } = one;
  return valuesOf(payload, one.key).some((value) => {
    if (match?.any !== undefined) return match.any.includes(value);
    if (match?.except !== undefined) return !match.except.includes(value);
    if (match !== undefined) return match.value === value;
    const number = Number(value);
    const { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity } = range ?? {};
    return number > gt && number >= gte && number < lt && number <= lte;
  });
}

function valuesOf(payload: Payload, key: string): readonly unknown[] {
  const value = payload[key];
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** Fields that a filter looks at. */
export function fieldsIn(filter: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  JSON.stringify(filter, (name, value: unknown) => {
    if (name === "key" && typeof value === "string") found.add(value);
    return value;
  });
  return found;
}
