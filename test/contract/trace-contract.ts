import { describe, expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { Feedback, FeedbackPosition, TraceStore } from "#core/ports/trace.ts";
import { feedback, keepAll, trace } from "#test/kit/traces.ts";

/** How a store under test is set up. */
export interface TraceSettings {
  readonly clock?: Clock;
  readonly retention?: { readonly maxAgeMs: number; readonly maxCount: number };
  readonly maxWaiting?: number;
  readonly flushMs?: number;
}

/** A store under test. */
export interface TracesUnderTest {
  readonly store: TraceStore;
  /** Another store over the same data, as after a start. */
  reopen(): Promise<TraceStore>;
}

/** Opens an empty store; by default nothing is erased and no batch is written before it must be. */
export type OpenTraces = (settings: Required<TraceSettings>) => Promise<TracesUnderTest>;

/** The promises of the TraceStore port. */
export function traceContract(name: string, openWith: OpenTraces): void {
  const open = (settings: TraceSettings = {}) =>
    openWith({ clock: () => 1_000, retention: keepAll, maxWaiting: 10_000, flushMs: 1e6, ...settings });

  describe(`TraceStore contract: ${name}`, () => {
    test("a trace can be read at once, before its batch is written, and after the store is opened again", async () => {
      const { store, reopen } = await open();
      store.record(trace("ret_1"));
      expect(await store.get("halden", "ret_1")).toEqual(trace("ret_1"));
      await store.close();
      const again = await reopen();
      expect(await again.get("halden", "ret_1")).toEqual(trace("ret_1"));
      expect(await again.get("halden", "ret_2")).toBeUndefined();
      await again.close();
    });

    test("a batch is written by itself", async () => {
      const { store, reopen } = await open({ flushMs: 1 });
      store.record(trace("ret_1"));
      const other = await reopen();
      await expect.poll(() => other.get("halden", "ret_1")).toEqual(trace("ret_1"));
      await store.close();
      await other.close();
    });

    test("a trace of another tenant is not there", async () => {
      const { store } = await open();
      store.record(trace("ret_1"));
      expect(await store.get("marlow", "ret_1")).toBeUndefined();
      await store.flush();
      expect(await store.get("marlow", "ret_1")).toBeUndefined();
      await store.close();
    });

    test("traces beyond the count or the age of the retention limit are erased with the next batch", async () => {
      let now = 1_000;
      const { store } = await open({ clock: () => now, retention: { maxAgeMs: 100, maxCount: 2 } });
      for (const id of ["ret_1", "ret_2", "ret_3"]) store.record(trace(id));
      await store.flush();
      expect(await store.get("halden", "ret_1")).toBeUndefined();
      expect(await store.get("halden", "ret_2")).toBeDefined();
      now = 1_101;
      await store.flush();
      expect(await store.get("halden", "ret_3")).toBeUndefined();
      await store.close();
    });

    test("a trace that cannot be kept is counted and never fails the answer", async () => {
      const { store } = await open({ maxWaiting: 1 });
      store.record(trace("ret_1"));
      store.record(trace("ret_2"));
      expect(store.lost()).toBe(1);
      await store.close();
      store.record(trace("ret_3"));
      expect(store.lost()).toBe(2);
    });

    test("traces that cannot be kept are counted for each tenant alone", async () => {
      const { store } = await open({ maxWaiting: 1 });
      store.record(trace("ret_1"));
      for (const id of ["ret_2", "ret_3"]) store.record({ ...trace(id), tenant: "marlow" });
      store.record(trace("ret_4"));
      expect([store.lost("halden"), store.lost("marlow"), store.lost("nobody"), store.lost()]).toEqual([1, 2, 0, 3]);
      await store.close();
    });

    test("the latest judgement of a principal, retrieval and document is kept; others stand beside it", async () => {
      const { store, reopen } = await open();
      store.record(trace("ret_1"));
      const document = { source: "handbook", id: "a.md" };
      // The trace still waits for its batch.
      expect(await store.judge(feedback("ret_1"))).toBe("kept");
      await store.judge(feedback("ret_1", { judgement: "wrong", document, comment: "old number" }));
      await store.judge(feedback("ret_1", { actors: ["agent:bot"] }));
      await store.judge(feedback("ret_1", { user: "user:sam", judgement: "wrong" }));
      await store.judge(feedback("ret_1", { judgement: "outdated", at: 3_000 }));
      await store.close();
      const again = await reopen();
      expect(await again.feedback("halden", "ret_1")).toEqual([
        feedback("ret_1", { actors: ["agent:bot"] }),
        feedback("ret_1", { judgement: "wrong", document, comment: "old number" }),
        feedback("ret_1", { user: "user:sam", judgement: "wrong" }),
        feedback("ret_1", { judgement: "outdated", at: 3_000 }),
      ]);
      expect(await again.feedback("marlow", "ret_1")).toEqual([]);
      await again.close();
    });

    test("judgements go when their trace goes, and none is taken for a trace that is not there", async () => {
      let now = 1_000;
      const { store } = await open({ clock: () => now, retention: { maxAgeMs: 100, maxCount: 2 } });
      for (const id of ["ret_1", "ret_2"]) store.record(trace(id));
      expect(await store.judge(feedback("ret_1"))).toBe("kept");
      expect(await store.judge(feedback("ret_2"))).toBe("kept");
      expect(await store.judge(feedback("ret_9"))).toBe("gone");
      expect(await store.judge(feedback("ret_1", { tenant: "marlow" }))).toBe("gone");
      store.record(trace("ret_3"));
      await store.flush();
      expect(await store.feedback("halden", "ret_1")).toEqual([]);
      expect(await store.feedback("halden", "ret_2")).toHaveLength(1);
      expect((await store.allFeedback("halden", null, 10)).feedback).toEqual([feedback("ret_2")]);
      now = 1_101;
      await store.flush();
      expect(await store.feedback("halden", "ret_2")).toEqual([]);
      expect(await store.allFeedback("halden", null, 10)).toEqual({ feedback: [], more: false });
      await store.close();
    });

    test("a retrieval takes a bounded number of judgements, and a change of an old one always", async () => {
      const { store } = await open();
      store.record(trace("ret_1"));
      for (let at = 0; at < limits.feedbackPerRetrieval; at++) {
        expect(await store.judge(feedback("ret_1", { user: `user:${at}` }))).toBe("kept");
      }
      expect(await store.judge(feedback("ret_1", { user: "user:more" }))).toBe("full");
      expect(await store.judge(feedback("ret_1", { user: "user:7", judgement: "wrong" }))).toBe("kept");
      await store.close();
    });

    test("pages hold every judgement of the tenant once, in the order in which they were given", async () => {
      const { store } = await open();
      for (const id of ["ret_1", "ret_3"]) store.record(trace(id));
      store.record(trace("ret_2", "marlow"));
      await store.judge(feedback("ret_2", { tenant: "marlow" }));
      const document = { source: "handbook", id: 'ä "quoted" ].md' };
      const given: Feedback[] = [
        // Not in the order of their names, and 999 after 1,000 as text.
        feedback("ret_3", { at: 999 }),
        feedback("ret_1", { user: "user:z", at: 1_000 }),
        feedback("ret_1", { user: "user:a", at: 10_000, comment: "why" }),
        // At the same time, told apart by retrieval, principal, agents and document.
        feedback("ret_1", { user: "user:b", at: 20_000 }),
        feedback("ret_1", { user: "user:b", at: 20_000, document }),
        feedback("ret_3", { user: "user:b", at: 20_000, actors: ["agent:bot"] }),
        feedback("ret_3", { user: "user:b", at: 20_000 }),
      ];
      for (const one of given.toReversed()) await store.judge(one);
      const all = await store.allFeedback("halden", null, 100);
      expect(all.more).toBe(false);
      expect(all.feedback.slice(0, 3)).toEqual(given.slice(0, 3));
      expect(all.feedback).toHaveLength(given.length);
      expect(all.feedback).toEqual(expect.arrayContaining(given));
      for (const size of [1, 2, 3, 7]) expect(await pages(store, size)).toEqual(all.feedback);
      await store.close();
    });

    test("a judgement that is changed moves to the end, and a page goes on from one that is not there any more", async () => {
      const { store } = await open();
      store.record(trace("ret_1"));
      for (const [at, user] of ["a", "b", "c"].entries()) {
        await store.judge(feedback("ret_1", { user: `user:${user}`, at: 2_000 + at }));
      }
      const first = await store.allFeedback("halden", null, 1);
      expect(first).toMatchObject({ feedback: [{ user: "user:a" }], more: true });
      await store.judge(feedback("ret_1", { user: "user:a", judgement: "wrong", at: 9_000 }));
      const rest = await store.allFeedback("halden", first.feedback[0] ?? null, 10);
      expect(rest.feedback.map(({ user, judgement }) => [user, judgement])).toEqual([
        ["user:b", "useful"],
        ["user:c", "useful"],
        ["user:a", "wrong"],
      ]);
      await store.close();
    });
  });
}

async function pages(store: TraceStore, size: number): Promise<readonly Feedback[]> {
  const found: Feedback[] = [];
  let after: FeedbackPosition | null = null;
  for (;;) {
    const page = await store.allFeedback("halden", after, size);
    found.push(...page.feedback);
    after = page.feedback.at(-1) ?? null;
    if (!page.more) return found;
  }
}
