import type { Trace } from "../ports/trace.ts";

/** Counts the traces that could not be kept, by tenant: one must not learn how much another one asks. */
export class LostTraces {
  readonly #counts = new Map<string, number>();

  add(traces: readonly Pick<Trace, "tenant">[]): void {
    for (const { tenant } of traces) this.#counts.set(tenant, (this.#counts.get(tenant) ?? 0) + 1);
  }

  /** Of a tenant; without one, of all of them together. */
  count(tenant?: string): number {
    if (tenant !== undefined) return this.#counts.get(tenant) ?? 0;
    return this.#counts.values().reduce((sum, count) => sum + count, 0);
  }
}
