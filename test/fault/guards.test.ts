import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WatchedPolicy } from "#adapters/policy-casbin/policy.ts";
import type { Caller } from "#core/access/principal.ts";
import { isVisible, makeIsVisible, visibilityChecks } from "#core/access/visible.ts";
import { type DocumentKey, type DocumentRecord, keyString } from "#core/document.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { liveGenerationCheck, makeRecheck, type Recheck, readableChecks, recheck } from "#core/retrieval/recheck.ts";
import { ignoringFilter } from "#test/kit/lying-index.ts";
import { openStacks, type Stack } from "#test/kit/stacks.ts";
import {
  callerOf,
  deny,
  everyone,
  grant,
  openTestPolicy,
  openWorld,
  type TestDocument,
  type World,
  type WorldOptions,
} from "#test/kit/world.ts";

// Every guard is taken away together with the layer that would hide its absence, and the leak must show. The same scene with
// all guards in place must show nothing, and so must the scene with this one guard gone from one layer alone.
//
// On a stack whose index keeps a copy of access, the layer before the re-check is that copy: an index that ignores its filter takes it away as a whole.

const stacks = await openStacks("the guards", ["embedded", "mixed", "full"]);

const secret = "The vault code of the north tower is heliotrope";
const question = "vault code of the north tower";
const guest = callerOf("gwen", ["guests"]);

let policy: WatchedPolicy;
beforeAll(async () => {
  policy = await openTestPolicy();
});
afterAll(() => policy.close());

type Scene = (world: World) => Promise<void>;

/** Plays a scene on a stack, and says whether the caller's answer holds the secret. */
const leaksOn =
  (stack: Stack) =>
  async (scene: Scene, options: WorldOptions, caller: Caller = guest): Promise<boolean> => {
    const world = await openWorld({ policy, stack, ...options });
    try {
      await scene(world);
      const answer = await world.ask(caller, question).catch((error: unknown) => JSON.stringify(error));
      return /heliotrope/.test(JSON.stringify(answer));
    } finally {
      await world.close();
    }
  };

const put =
  (document: Partial<TestDocument>): Scene =>
  async (world) => {
    await world.put({ id: "vault", body: secret, ...document });
  };

function visibilityWithout(name: keyof typeof visibilityChecks) {
  return makeIsVisible(
    Object.entries(visibilityChecks)
      .filter(([check]) => check !== name)
      .map(([, check]) => check),
  );
}

function recheckWithout(name: keyof typeof readableChecks | "liveGeneration"): Recheck {
  const readable = Object.entries(readableChecks).filter(([check]) => check !== name);
  return makeRecheck(
    readable.map(([, check]) => check),
    name === "liveGeneration" ? () => true : liveGenerationCheck,
  );
}

const visibilityScenes: readonly {
  guard: keyof typeof visibilityChecks;
  promise: string;
  scene: Scene;
  caller?: Caller;
}[] = [
  {
    guard: "grant",
    promise: "default deny: a document without a matching grant is hidden",
    scene: put({ acl: [grant("group", "staff")] }),
  },
  {
    guard: "deny",
    promise: "deny wins: a deny entry hides a document that is granted to everyone",
    scene: put({ acl: [everyone, deny("user", "gwen")] }),
  },
  {
    guard: "tenant",
    promise: "a document of another tenant is hidden, also from a caller of the same name and groups",
    scene: put({ tenant: "two", acl: [everyone] }),
  },
  {
    guard: "source",
    promise: "a source that the policy does not let the caller read is hidden",
    scene: put({ source: "closed", acl: [everyone] }),
  },
  {
    guard: "label",
    promise: "a label that the policy denies to the caller hides a document that is granted to everyone",
    scene: put({ acl: [everyone], labels: ["secret"] }),
  },
  {
    guard: "label",
    promise: "a label that was taken out of the vocabulary hides the document from everybody",
    scene: put({ acl: [everyone], labels: ["renamed-since"] }),
  },
];

describe.for(stacks)("$name", (stack) => {
  const leaks = leaksOn(stack);

  for (const { guard, promise, scene } of visibilityScenes) {
    test(`${promise}, and without that condition it would leak`, async () => {
      const without = visibilityWithout(guard);
      const recheckAlike = makeRecheck(Object.values(readableChecks), liveGenerationCheck, without);
      expect(await leaks(scene, {})).toBe(false);
      expect(await leaks(scene, { isVisible: without })).toBe(false);
      // Tenant and source are kept apart by the ledger's columns as well: this index looks past them.
      const wrapIndex = ignoringFilter;
      expect(await leaks(scene, { wrapIndex })).toBe(false);
      expect(await leaks(scene, { wrapIndex, isVisible: without, recheck: recheckAlike })).toBe(true);
    });
  }

  test("an index that ignores its filter leaks nothing through the re-check, and everything without it", async () => {
    for (const { scene } of visibilityScenes) {
      expect(await leaks(scene, { wrapIndex: ignoringFilter })).toBe(false);
      expect(await leaks(scene, { wrapIndex: ignoringFilter, recheck: () => "confirmed" })).toBe(true);
    }
  });

  test("a deleted document is hidden although its record and the index still show it, and without the tombstone it would leak", async () => {
    const scene: Scene = async (world) => {
      const key = await world.put({ id: "vault", body: secret });
      // Seen once, so that the ledger below has something to keep.
      expect(JSON.stringify(await world.ask(guest, question))).toContain("heliotrope");
      await world.remove(key, 1);
    };
    // The layer that would hide the absence of the check is the delete itself, which empties the record: this ledger leaves it as it
    // was, but for the tombstone.
    const keepsRecord = (ledger: Ledger): Ledger => {
      const alive = new Map<string, DocumentRecord>();
      return new Proxy(ledger, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target);
          if (name !== "read") return typeof value === "function" ? value.bind(target) : value;
          return async (keys: readonly DocumentKey[]) => {
            const records = await target.read(keys);
            return records.map((record) => {
              if (record === undefined) return record;
              if (record.tombstone === undefined) alive.set(keyString(record.key), record);
              const before = alive.get(keyString(record.key)) ?? record;
              return record.tombstone === undefined ? record : { ...before, tombstone: record.tombstone };
            });
          };
        },
      });
    };
    const wrapIndex = ignoringFilter;
    expect(await leaks(scene, { wrapIndex })).toBe(false);
    expect(await leaks(scene, { wrapIndex, wrapLedger: keepsRecord })).toBe(false);
    expect(await leaks(scene, { wrapIndex, wrapLedger: keepsRecord, recheck: recheckWithout("tombstone") })).toBe(true);
  });

  test("text of a replaced generation is never returned, and without the live-generation check it would leak", async () => {
    const scene: Scene = async (world) => {
      await world.put({ id: "vault", body: secret });
      await world.put({ id: "vault", version: 2, body: "The vault code of the north tower is no longer written down" });
    };
    expect(await leaks(scene, { wrapIndex: ignoringFilter })).toBe(false);
    expect(await leaks(scene, { wrapIndex: ignoringFilter, recheck: recheckWithout("liveGeneration") })).toBe(true);
  });

  test("narrower access hides the old text while the new one is not indexed yet, and without the wanted access it would leak", async () => {
    const scene: Scene = async (world) => {
      await world.put({ id: "vault", body: secret, acl: [everyone] });
      await world.accept({ id: "vault", version: 2, body: "redacted", acl: [grant("group", "staff")] });
    };
    expect(await leaks(scene, {})).toBe(false);
    expect(await leaks(scene, { wrapIndex: ignoringFilter })).toBe(false);
    expect(await leaks(scene, { wrapIndex: ignoringFilter, recheck: recheckWithout("wantedAccess") })).toBe(true);
  });

  test("wider access never opens the old text while the new one is not indexed yet, and without the live access it would leak", async () => {
    const scene: Scene = async (world) => {
      await world.put({ id: "vault", body: secret, acl: [grant("group", "staff")] });
      await world.accept({ id: "vault", version: 2, body: "redacted", acl: [everyone] });
    };
    expect(await leaks(scene, {})).toBe(false);
    expect(await leaks(scene, { wrapIndex: ignoringFilter })).toBe(false);
    expect(await leaks(scene, { wrapIndex: ignoringFilter, recheck: recheckWithout("liveAccess") })).toBe(true);
  });

  test("an agent sees no more than the policy lets the agent itself read, and without that ceiling it would leak", async () => {
    const scene = put({ acl: [everyone], labels: ["personal"] });
    const staff = callerOf("stan", ["staff"]);
    const agent: Caller = { ...staff, actors: ["agent:bot"] };
    const withoutCeiling = (): WatchedPolicy => ({
      ...policy,
      current: () => {
        const snapshot = policy.current();
        return { ...snapshot, visibility: (caller) => snapshot.visibility({ ...caller, actors: [] }) };
      },
    });
    expect(await leaks(scene, {}, staff)).toBe(true);
    expect(await leaks(scene, {}, agent)).toBe(false);
    expect(await leaks(scene, { policy: withoutCeiling() }, agent)).toBe(true);
  });
});

test("the guards of production are whole: nothing is missing from the two decisions that services use", () => {
  expect(Object.keys(visibilityChecks).toSorted()).toEqual(["deny", "grant", "label", "source", "tenant"]);
  expect(Object.keys(readableChecks).toSorted()).toEqual(["liveAccess", "tombstone", "wantedAccess"]);
  expect(isVisible).toBeTypeOf("function");
  expect(recheck(undefined, 1, { kind: "nothing" }, "f")).toBe("hidden");
});
