import { describe, expect, test } from "vitest";
import type { DocumentKey } from "#core/document.ts";
import type { JobQueue } from "#core/ports/queue.ts";
import { gate } from "#test/kit/gate.ts";

/** What a queue under test reports, and how it is set up. */
export interface QueueUnderTest {
  readonly queue: JobQueue;
  /** Keys given up so far, as `source/id`. */
  readonly givenUp: readonly string[];
  /** Lets every document that rests after a failure come back now. */
  rested(): Promise<void>;
}

/** Opens a queue with the given concurrency, which gives up after three tries. */
export type OpenQueue = (concurrency: number) => Promise<QueueUnderTest>;

function key(id: string): DocumentKey {
  return { tenant: "halden", source: "wiki", id };
}

/** The promises of the JobQueue port. */
export function queueContract(name: string, open: OpenQueue): void {
  describe(`JobQueue contract: ${name}`, () => {
    test("every document that was woken is handled, also when it was woken before the start", async () => {
      const { queue } = await open(2);
      const handled = gate<string>();
      await queue.wake(key("before"));
      queue.start(async ({ id }) => handled.pass(id));
      await queue.wake(key("after"));
      expect((await handled.first(2)).toSorted()).toEqual(["after", "before"]);
      await expect.poll(() => queue.depth()).toBe(0);
      await queue.close();
    });

    test("a document is handled once at a time, and a wake-up that comes meanwhile runs after it", async () => {
      const { queue } = await open(4);
      const entered = gate<number>();
      const leave = [gate<void>(), gate<void>()];
      let runs = 0;
      queue.start(async () => {
        runs += 1;
        const run = runs;
        entered.pass(run);
        await leave[run - 1]?.first(1);
      });
      await queue.wake(key("a"));
      await entered.first(1);
      for (let times = 0; times < 5; times += 1) await queue.wake(key("a"));
      expect(await queue.depth()).toBe(1);
      expect(runs).toBe(1);
      leave[0]?.pass();
      expect(await entered.first(2)).toEqual([1, 2]);
      leave[1]?.pass();
      await queue.close();
      expect(runs).toBe(2);
    });

    test("what was woken in the background comes after everything else, until somebody waits for it", async () => {
      const { queue } = await open(1);
      const handled = gate<string>();
      for (const id of ["a", "b", "c"]) await queue.wake(key(id), "background");
      await queue.wake(key("new"));
      await queue.wake(key("b"));
      await queue.wake(key("c"), "background");
      queue.start(async ({ id }) => handled.pass(id));
      expect(await handled.first(4)).toEqual(["new", "b", "a", "c"]);
      await queue.close();
    });

    test("wake-ups of a document that waits are one", async () => {
      const { queue } = await open(1);
      const handled = gate<string>();
      for (let times = 0; times < 3; times += 1) await queue.wake(key("a"));
      await queue.wake(key("b"));
      expect(await queue.depth()).toBe(2);
      queue.start(async ({ id }) => handled.pass(id));
      expect(await handled.first(2)).toEqual(["a", "b"]);
      await queue.close();
    });

    test("documents of two tenants with the same source and id are two documents", async () => {
      const { queue } = await open(1);
      const handled = gate<string>();
      await queue.wake(key("a"));
      await queue.wake({ ...key("a"), tenant: "marlow" });
      queue.start(async ({ tenant }) => handled.pass(tenant));
      expect(await handled.first(2)).toEqual(["halden", "marlow"]);
      await queue.close();
    });

    test("a document that fails is tried again and keeps nobody waiting", async () => {
      const { queue, rested, givenUp } = await open(1);
      const handled = gate<string>();
      let tries = 0;
      queue.start(async ({ id }) => {
        if (id === "poison") tries += 1;
        handled.pass(id);
        if (id === "poison" && tries < 3) throw new Error("not yet");
      });
      await queue.wake(key("poison"));
      await queue.wake(key("good"));
      expect(await handled.first(2)).toEqual(["poison", "good"]);
      await rested();
      await handled.first(3);
      await rested();
      expect(await handled.first(4)).toEqual(["poison", "good", "poison", "poison"]);
      await queue.close();
      expect(givenUp).toEqual([]);
    });

    test("a document that fails three times is given up once, and can be woken again", async () => {
      const { queue, rested, givenUp } = await open(1);
      const handled = gate<string>();
      let broken = true;
      queue.start(async ({ id }) => {
        handled.pass(id);
        if (broken) throw new Error("always");
      });
      await queue.wake(key("a"));
      for (let tries = 1; tries <= 3; tries += 1) {
        await handled.first(tries);
        await rested();
      }
      expect(givenUp).toEqual(["wiki/a"]);
      expect(await queue.depth()).toBe(0);
      broken = false;
      await queue.wake(key("a"));
      await handled.first(4);
      await queue.close();
      expect(givenUp).toEqual(["wiki/a"]);
    });

    test("a wake-up of a document that rests after a failure runs it now", async () => {
      const { queue } = await open(1);
      const handled = gate<string>();
      let broken = true;
      const failed = gate<void>();
      queue.start(async ({ id }) => {
        handled.pass(id);
        if (!broken) return;
        failed.pass();
        throw new Error("not yet");
      });
      await queue.wake(key("a"));
      await failed.first(1);
      broken = false;
      await queue.wake(key("a"));
      expect(await handled.first(2)).toEqual(["a", "a"]);
      await queue.close();
    });

    test("a wake-up that comes during a try that fails runs at once, not after the rest", async () => {
      const { queue } = await open(1);
      const entered = gate<string>();
      const leave = gate<void>();
      let tries = 0;
      queue.start(async ({ id }) => {
        tries += 1;
        entered.pass(id);
        await leave.first(1);
        if (tries === 1) throw new Error("not yet");
      });
      await queue.wake(key("a"));
      await entered.first(1);
      await queue.wake(key("a"));
      leave.pass();
      expect(await entered.first(2)).toEqual(["a", "a"]);
      await expect.poll(() => queue.depth()).toBe(0);
      await queue.close();
    });

    test("ids of any characters are one document each", async () => {
      const { queue } = await open(1);
      const handled = gate<DocumentKey>();
      const keys = ["a:b", "a", "0", "{x}", "7", `${"ü".repeat(250)}`, "a b\n%3A"].map(key);
      for (const one of keys) await queue.wake(one);
      await queue.wake({ ...key("b"), source: "wiki:a" });
      expect(await queue.depth()).toBe(keys.length + 1);
      queue.start(async (one) => handled.pass(one));
      expect(await handled.first(keys.length + 1)).toEqual([...keys, { ...key("b"), source: "wiki:a" }]);
      await queue.close();
    });

    test("close finishes what is active, leaves the rest and takes nothing new", async () => {
      const { queue } = await open(1);
      const entered = gate<string>();
      const leave = gate<void>();
      const finished: string[] = [];
      queue.start(async ({ id }) => {
        entered.pass(id);
        await leave.first(1);
        finished.push(id);
      });
      await queue.wake(key("a"));
      await queue.wake(key("b"));
      await entered.first(1);
      const closed = queue.close();
      await queue.wake(key("c"));
      leave.pass();
      await closed;
      expect(finished).toEqual(["a"]);
    });

    test("no more documents are active than the concurrency says", async () => {
      const { queue } = await open(2);
      const entered = gate<string>();
      const leave = gate<void>();
      let active = 0;
      let most = 0;
      queue.start(async ({ id }) => {
        active += 1;
        most = Math.max(most, active);
        entered.pass(id);
        await leave.first(1);
        active -= 1;
      });
      for (const id of ["a", "b", "c", "d"]) await queue.wake(key(id));
      await entered.first(2);
      leave.pass();
      await entered.first(4);
      await queue.close();
      expect(most).toBe(2);
    });
  });
}
