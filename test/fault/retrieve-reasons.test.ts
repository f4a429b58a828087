import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WatchedPolicy } from "#adapters/policy-casbin/policy.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import { replacing } from "#test/kit/replacing.ts";
import { openStacks } from "#test/kit/stacks.ts";
import { callerOf, deny, everyone, openTestPolicy, openWorld, type World } from "#test/kit/world.ts";

// Why there is no answer: found by a second search, which is made only where the quality gates held something back.

const stacks = await openStacks("the reasons of an abstention", ["embedded", "mixed", "full"]);
const guest = callerOf("gwen", ["guests"]);
const question = "tower code";
const body = "The tower code is number 1";

let policy: WatchedPolicy;
beforeAll(async () => {
  policy = await openTestPolicy();
});
afterAll(() => policy.close());

describe.for(stacks)("$name", (stack) => {
  /** Counts the searches of a world, and lets a test stand between it and its index. */
  async function inWorld(
    run: (world: World, searches: () => number) => Promise<void>,
    own: (index: VectorIndex) => Partial<VectorIndex> = () => ({}),
  ): Promise<void> {
    let searches = 0;
    const wrapIndex = (index: VectorIndex): VectorIndex => {
      const inner = replacing(index, own(index));
      const search: VectorIndex["search"] = async (...args) => {
        searches += 1;
        return inner.search(...args);
      };
      return replacing(inner, { search });
    };
    const world = await openWorld({ policy, stack, wrapIndex });
    try {
      await run(world, () => searches);
    } finally {
      await world.close();
    }
  }

  test("what an untrusted document would have answered is no answer, and says so", async () => {
    await inWorld(async (world, searches) => {
      await world.put({ id: "rumour", body, quality: { authority: "unverified" } });
      expect(await world.ask(guest, question)).toMatchObject({ outcome: "abstained", reason: "untrusted" });
      expect(searches()).toBe(2);
    });
  });

  test("what only a replaced document would have answered says that it is stale", async () => {
    await inWorld(async (world) => {
      await world.put({ id: "old", body });
      await world.put({ id: "new", body: "Nothing of the kind", quality: { supersedes: ["old"] } });
      expect(await world.ask(guest, question)).toMatchObject({ outcome: "abstained", reason: "stale" });
    });
  });

  test("where the gates held nothing back there is no second search", async () => {
    await inWorld(async (world, searches) => {
      await world.put({ id: "other", body: "Nothing of the kind" });
      expect(await world.ask(guest, question)).toMatchObject({ outcome: "abstained", reason: "below_similarity" });
      expect(searches()).toBe(1);
    });
  });

  test("an untrusted document that is hidden from the caller is no reason and costs no search", async () => {
    await inWorld(async (world, searches) => {
      await world.put({ id: "other", body: "Nothing of the kind" });
      await world.put({
        id: "rumour",
        body,
        acl: [everyone, deny("user", "gwen")],
        quality: { authority: "unverified" },
      });
      expect(await world.ask(guest, question)).toMatchObject({ outcome: "abstained", reason: "below_similarity" });
      expect(searches()).toBe(1);
    });
  });

  test("what an index lets through and the ledger's gates drop is still told by its reason", async () => {
    // An index whose copy of the quality is behind: it sees nothing that would be held back.
    const behind = (index: VectorIndex): Partial<VectorIndex> => ({
      search: (query) => index.search({ ...query, filter: { ...query.filter, eligible: null } }),
      holdsBack: async () => false,
    });
    await inWorld(async (world, searches) => {
      await world.put({ id: "rumour", body, quality: { authority: "unverified" } });
      expect(await world.ask(guest, question)).toMatchObject({ outcome: "abstained", reason: "untrusted" });
      expect(searches()).toBe(2);
    }, behind);
  });
});
