import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WatchedPolicy } from "#adapters/policy-casbin/policy.ts";
import type { AclEntry } from "#core/access/acl.ts";
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

// Two corpora that differ only in documents which the caller may not read must give the same bytes.

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
      await world.remove(await world.put(document), 1_000_000);
      return;
    case "revoked":
      await world.share(await world.put(document), [grant("group", "staff")]);
      return;
    case "relabelled":
      await world.share(await world.put(document), [everyone], ["secret"]);
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
  visible: readonly TestDocument[],
  hidden: readonly Hidden[],
  queries: readonly string[],
): Promise<string[]> {
  const world = await openWorld({ policy });
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
        const one = await responses(shown, unique(some), queries);
        const other = await responses(shown, unique(others), queries);
        expect(other).toEqual(one);
      },
    ),
    { numRuns: 300 },
  );
});

test("the order in which documents came in never changes one byte of a response", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(visibleArb, { minLength: 2, maxLength: 8 }), queryArb, async (visible, query) => {
      const shown = distinct(visible, (document) => document.id);
      expect(await responses(shown.toReversed(), [], [query])).toEqual(await responses(shown, [], [query]));
    }),
    { numRuns: 100 },
  );
});
