import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WatchedPolicy } from "#adapters/policy-casbin/policy.ts";
import type { AclEntry } from "#core/access/acl.ts";
import type { DocumentKey } from "#core/document.ts";
import { openStacks, type Stack } from "#test/kit/stacks.ts";
import {
  callerOf,
  comparable,
  deny,
  everyone,
  grant,
  openTestPolicy,
  openWorld,
  type TestDocument,
  type World,
} from "#test/kit/world.ts";

// Two corpora that differ only in documents which the caller may not read must give the same bytes. Where the index keeps a copy of access, that is
// promised once the copy has caught up: until then a document that was taken away counts in the statistics of those who lost it. The worker brings
// it here after each change; in the embedded stack, which has no copy, there is nothing for it to do.

const stacks = await openStacks("non-interference", ["embedded", "full"]);

let policy: WatchedPolicy;
beforeAll(async () => {
  policy = await openTestPolicy();
});
afterAll(() => policy.close());

const words = [
  "tower",
  "vault",
  "code",
  "north",
  "salary",
  "band",
  "river",
  "sensor",
  "badge",
  "rare",
  "meal",
  "train",
];
const bodyArb = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 30 }).map((list) => list.join(" "));
const queryArb = fc
  .array(fc.constantFrom(...words, "unknown"), { minLength: 1, maxLength: 6 })
  .map((list) => list.join(" "));
const ids = ["a", "b", "c", "d", "e", "f"];
const supersedesArb = fc.option(fc.constantFrom(...ids, ...ids.map((id) => `hidden-${id}`)), { nil: undefined });

const caller = callerOf("gwen", ["guests"]);

const quality = (supersedes: string | undefined) => (supersedes === undefined ? {} : { supersedes: [supersedes] });

const visibleArb: fc.Arbitrary<TestDocument> = fc
  .record({
    id: fc.constantFrom(...ids),
    source: fc.constantFrom("open", "plain"),
    body: bodyArb,
    supersedes: supersedesArb,
    acl: fc.constantFrom<AclEntry[]>(
      [everyone],
      [grant("group", "guests")],
      [grant("user", "gwen"), deny("user", "other")],
    ),
    labels: fc.constantFrom<string[]>([], ["personal"]),
  })
  .map(({ supersedes, ...document }) => ({ ...document, quality: quality(supersedes) }));

/** How a document comes to be hidden from the caller in the end. */
type Way = "acl" | "deny" | "label" | "source" | "tenant" | "deleted" | "revoked" | "relabelled" | "pending";
interface Hidden {
  readonly way: Way;
  readonly document: TestDocument;
  /** Where it is put between the visible documents. */
  readonly at: number;
}
const hiddenArb: fc.Arbitrary<Hidden> = fc
  .record({
    way: fc.constantFrom<Way>(
      "acl",
      "deny",
      "label",
      "source",
      "tenant",
      "deleted",
      "revoked",
      "relabelled",
      "pending",
    ),
    id: fc.constantFrom(...ids.map((id) => `hidden-${id}`)),
    source: fc.constantFrom("open", "plain"),
    body: bodyArb,
    supersedes: supersedesArb,
    at: fc.nat(12),
  })
  .map(({ way, supersedes, at, ...document }) => ({
    way,
    at,
    document: { ...document, quality: quality(supersedes) },
  }));

async function changed(
  world: World,
  document: TestDocument,
  change: (key: DocumentKey) => Promise<void>,
): Promise<void> {
  const key = await world.put(document);
  await change(key);
  await world.work(key);
}

async function hide(world: World, { way, document }: Hidden): Promise<void> {
  switch (way) {
    case "acl":
      await world.put({ ...document, acl: [grant("group", "staff")] });
      return;
    case "deny":
      await world.put({ ...document, acl: [everyone, deny("group", "guests")] });
      return;
    case "label":
      await world.put({ ...document, labels: ["secret"] });
      return;
    case "source":
      await world.put({ ...document, source: "closed" });
      return;
    case "tenant":
      await world.put({ ...document, tenant: "two", id: document.id.replace("hidden-", "") });
      return;
    case "deleted":
      await changed(world, document, (key) => world.remove(key, 1_000_000));
      return;
    case "revoked":
      await changed(world, document, (key) => world.share(key, [grant("group", "staff")]));
      return;
    case "relabelled":
      await changed(world, document, (key) => world.share(key, [everyone], ["secret"]));
      return;
    case "pending":
      // The text that is live is for staff; the newer one, for everyone, is not indexed.
      await world.put({ ...document, acl: [grant("group", "staff")] });
      await world.accept({ ...document, version: 2_000_000, body: `${document.body} newer`, acl: [everyone] });
  }
}

/** Each id is used once per corpus: a second document of the same name would change the first. */
function distinct<T>(items: readonly T[], nameOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [nameOf(item), item])).values()];
}

async function responses(
  stack: Stack,
  visible: readonly TestDocument[],
  hidden: readonly Hidden[],
  queries: readonly string[],
): Promise<string[]> {
  const world = await openWorld({ policy, stack });
  try {
    for (const [position, document] of visible.entries()) {
      for (const item of hidden) if (item.at === position) await hide(world, item);
      await world.put(document);
    }
    for (const item of hidden) if (item.at >= visible.length) await hide(world, item);
    const answers: string[] = [];
    for (const query of queries) {
      answers.push(comparable(await world.ask(caller, query)));
      answers.push(
        comparable(await world.ask(caller, query, { top_k: 2, max_tokens: 300, filter: { source: ["open"] } })),
      );
    }
    return answers;
  } finally {
    await world.close();
  }
}

describe.for(stacks)("$name", (stack) => {
  // Every document of a full stack takes some twenty requests to its servers.
  const runs = (embedded: number) => (stack.name === "embedded" ? embedded : embedded / 10);

  test("documents that the caller may not read never change one byte of the caller's responses", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(visibleArb, { maxLength: 8 }),
        fc.array(hiddenArb, { maxLength: 8 }),
        fc.array(hiddenArb, { maxLength: 8 }),
        fc.array(queryArb, { minLength: 1, maxLength: 3 }),
        async (visible, some, others, queries) => {
          const shown = distinct(visible, (document) => document.id);
          const unique = (list: readonly Hidden[]) => distinct(list, (item) => item.document.id);
          const one = await responses(stack, shown, unique(some), queries);
          const other = await responses(stack, shown, unique(others), queries);
          expect(other).toEqual(one);
        },
      ),
      { numRuns: runs(300) },
    );
  });

  test("the order in which documents came in never changes one byte of a response", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(visibleArb, { minLength: 2, maxLength: 8 }), queryArb, async (visible, query) => {
        const shown = distinct(visible, (document) => document.id);
        expect(await responses(stack, shown.toReversed(), [], [query])).toEqual(
          await responses(stack, shown, [], [query]),
        );
      }),
      { numRuns: runs(100) },
    );
  });
});
