import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WatchedPolicy } from "#adapters/policy-casbin/policy.ts";
import type { IndexAnswer, IndexQuery, VectorIndex } from "#core/ports/index.ts";
import { replacing } from "#test/kit/replacing.ts";
import { openStacks, type Stack } from "#test/kit/stacks.ts";
import { callerOf, deny, everyone, grant, openTestPolicy, openWorld, type World } from "#test/kit/world.ts";

// What happens to a question while documents change between its steps. Each step is decided by the test.

const stacks = await openStacks("documents that change under a question", ["embedded", "mixed", "full"]);
const guest = callerOf("gwen", ["guests"]);
const question = "tower code";

let policy: WatchedPolicy;
beforeAll(async () => {
  policy = await openTestPolicy();
});
afterAll(() => policy.close());

interface Steps {
  /** Runs after a search of the index has answered, before its hits are checked again. */
  afterSearch?: (world: World, times: number) => Promise<void>;
  /** Runs after the re-check, before texts are read. */
  beforeTexts?: (world: World, times: number) => Promise<void>;
  answer?: (answer: IndexAnswer) => IndexAnswer;
  query?: (query: IndexQuery) => IndexQuery;
}

const withStepsOn =
  (stack: Stack) =>
  async <T>(steps: Steps, run: (world: World) => Promise<T>): Promise<T> => {
    let searches = 0;
    let reads = 0;
    const wrapIndex = (index: VectorIndex): VectorIndex =>
      replacing(index, {
        search: async (query) => {
          const answer = await index.search(steps.query?.(query) ?? query);
          searches += 1;
          await steps.afterSearch?.(world, searches);
          return steps.answer?.(answer) ?? answer;
        },
        texts: async (ids, fingerprint) => {
          reads += 1;
          await steps.beforeTexts?.(world, reads);
          return index.texts(ids, fingerprint);
        },
      });
    const world = await openWorld({ policy, stack, wrapIndex });
    try {
      return await run(world);
    } finally {
      await world.close();
    }
  };

/** A new version whose old generation is erased at once, without any grace: the worst case for a reader. */
async function replace(world: World, version: number): Promise<void> {
  const key = await world.put({ id: "page", version, body: `The tower code is number ${version}` });
  await world.index.remove(key, version - 1, world.fingerprint);
}

describe.for(stacks)("$name", (stack) => {
  const withSteps = withStepsOn(stack);

  test("a generation replaced between search and re-check is searched again, and only the new text comes out", async () => {
    await withSteps(
      { afterSearch: async (world, times) => (times === 1 ? replace(world, 2) : undefined) },
      async (world) => {
        await world.put({ id: "page", body: "The tower code is number 1" });
        const answer = await world.ask(guest, question);
        expect(answer.passages.map((passage) => passage.text)).toEqual(["The tower code is number 2"]);
      },
    );
  });

  test("a generation replaced and erased between re-check and reading is searched again, and only the new text comes out", async () => {
    await withSteps(
      { beforeTexts: async (world, times) => (times === 1 ? replace(world, 2) : undefined) },
      async (world) => {
        await world.put({ id: "page", body: "The tower code is number 1" });
        const answer = await world.ask(guest, question);
        expect(answer.passages.map((passage) => passage.text)).toEqual(["The tower code is number 2"]);
      },
    );
  });

  test("a document that is replaced under three searches in a row ends in a 503, never in an abstention or an old text", async () => {
    await withSteps({ afterSearch: (world, times) => replace(world, times + 1) }, async (world) => {
      await world.put({ id: "page", body: "The tower code is number 1" });
      await expect(world.ask(guest, question)).rejects.toMatchObject({ code: "retrieval-contended" });
    });
  });

  test("a revoke that is acknowledged while the search runs already holds for its answer", async () => {
    await withSteps(
      {
        afterSearch: (world) =>
          world.share({ tenant: "one", source: "open", id: "page" }, [everyone, deny("user", "gwen")]),
      },
      async (world) => {
        await world.put({ id: "page", body: "The tower code is number 1" });
        expect(await world.ask(guest, question)).toMatchObject({ outcome: "abstained", passages: [] });
      },
    );
  });

  test("hits that were dropped by the re-check are made up for by a deeper search", async () => {
    // More closed pages than one search is deep stand before the open one: this index finds them, whatever the filter says.
    const closed = 150;
    const staff = callerOf("stan", ["staff"]);
    // An index that is asked on behalf of somebody who may read everything, and not of the one who asks.
    const visibility = policy.current().visibility(staff);
    const query = (asked: IndexQuery) => ({ ...asked, filter: { ...asked.filter, visibility } });
    await withSteps({ query }, async (honest) => {
      for (let number = 0; number < closed; number += 1) {
        await honest.put({
          id: `closed-${String(number).padStart(3, "0")}`,
          body: question,
          acl: [grant("group", "staff")],
        });
      }
      await honest.put({ id: "open", body: `${question} on the notice board` });
      const answer = await honest.ask(guest, question, { top_k: 1 });
      expect(answer.passages.map((passage) => passage.document_id)).toEqual(["open"]);
    });
  });

  test("a similarity that is not a number is an outage of the index, never a passage and never an abstention", async () => {
    const broken = (answer: IndexAnswer): IndexAnswer => ({
      ...answer,
      hits: answer.hits.map((hit) => ({ ...hit, similarity: Number.NaN })),
    });
    await withSteps({ answer: broken }, async (world) => {
      await world.put({ id: "page", body: "The tower code is number 1" });
      await expect(world.ask(guest, question)).rejects.toMatchObject({ code: "index-unavailable" });
    });
  });

  test("a ledger that cannot be read is a 503, never an unchecked hit", async () => {
    await withSteps({ afterSearch: (world) => world.ledger.close() }, async (world) => {
      await world.put({ id: "page", body: "The tower code is number 1" });
      await expect(world.ask(guest, question)).rejects.toMatchObject({ code: "ledger-unavailable" });
    });
  });
});
