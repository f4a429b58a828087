import * as fc from "fast-check";
import { expect, test } from "vitest";
import { mayDo } from "#core/access/compile.ts";
import type { Caller } from "#core/access/principal.ts";
import type { RuleTable } from "#core/access/rule-table.ts";
import { type AccessSubject, isVisible } from "#core/access/visible.ts";
import {
  aclAllows,
  callers,
  deeds,
  documents,
  filterOf,
  policies,
  tableOf,
  type Universe,
  universe,
} from "./policy-universe.ts";

/** Whether the document is visible; `undefined` when compiler and oracle disagree about it. */
async function agreedVisible({ table, oracle }: Universe, caller: Caller, document: AccessSubject) {
  const filter = filterOf(table, caller);
  const mayAct = await oracle.mayAct(caller);
  const { tenant, source, access } = document;
  const readable = await oracle.mayRead(caller, { tenant, source, labels: access.labels });
  const expected = readable && aclAllows(table, caller, document);
  const compiled = filter !== undefined && isVisible(document, filter);
  return compiled === expected && mayAct === (filter !== undefined) ? compiled : undefined;
}

const shows = (table: RuleTable, caller: Caller, document: AccessSubject): boolean => {
  const filter = filterOf(table, caller);
  return filter !== undefined && isVisible(document, filter);
};

test("the compiled filter shows exactly the documents that enforce() and the access lists allow", async () => {
  let visible = 0;
  await fc.assert(
    fc.asyncProperty(
      policies,
      fc.array(callers, { minLength: 1, maxLength: 4 }),
      fc.array(documents, { minLength: 1, maxLength: 6 }),
      async (lines, askers, all) => {
        const both = await universe(lines);
        for (const caller of askers) {
          for (const document of all) {
            const agreed = await agreedVisible(both, caller, document);
            expect(agreed).toBeDefined();
            visible += Number(agreed);
          }
        }
      },
    ),
    { numRuns: 400 },
  );
  // Agreement on "no" alone would prove little. Usually 100 to 130; far enough below that chance does not reach it.
  expect(visible).toBeGreaterThan(50);
});

test("what a caller may do beside reading is what enforce() says", async () => {
  let allowed = 0;
  await fc.assert(
    fc.asyncProperty(policies, fc.array(callers, { minLength: 1, maxLength: 4 }), async (lines, askers) => {
      const { table, oracle } = await universe(lines);
      for (const caller of askers) {
        for (const [action, object] of deeds) {
          const answer = mayDo(table, caller, action, object);
          expect(answer).toBe(await oracle.may(caller, action, object));
          allowed += Number(answer);
        }
      }
    }),
    { numRuns: 300 },
  );
  expect(allowed).toBeGreaterThan(50);
});

test("in a small universe every policy, caller and document agrees with enforce()", async () => {
  const lines = [
    "g, group:g0, role:r0, acme",
    "p, group:g0, acme, source:s0, read, allow",
    "p, group:g0, acme, source:s0, read, deny",
    "p, role:r0, acme, source:s0, read, allow",
    "p, role:r0, acme, label:l0, read, deny",
    "p, user:ann, acme, source:s0, read, allow",
    "p, agent:a0, acme, group:g0, act, allow",
    "p, agent:a0, acme, source:s0, read, allow",
    "p, agent:a0, acme, label:l0, read, deny",
  ];
  const askers = (["acme", "globex"] as const).flatMap((tenant) =>
    [[], ["group:g0"] as const].flatMap((groups) =>
      [[], ["agent:a0"] as const].map((actors): Caller => ({ tenant, user: "user:ann", groups, actors })),
    ),
  );
  const grants = ["everyone", "user:ann", "group:g0"] as const;
  const all = [[], ["l0"]].flatMap((labels) =>
    grants.flatMap((grant) =>
      [[], ["group:g0"] as const].map(
        (denies): AccessSubject => ({ tenant: "acme", source: "s0", access: { grants: [grant], denies, labels } }),
      ),
    ),
  );
  let [asked, disagreements, visible] = [0, 0, 0];
  for (let chosen = 0; chosen < 2 ** lines.length; chosen += 1) {
    const both = await universe(lines.filter((_, place) => (chosen & (2 ** place)) !== 0));
    for (const caller of askers) {
      for (const document of all) {
        const agreed = await agreedVisible(both, caller, document);
        asked += 1;
        disagreements += Number(agreed === undefined);
        visible += Number(agreed === true);
      }
    }
  }
  expect(asked).toBe(2 ** lines.length * askers.length * all.length);
  expect(disagreements).toBe(0);
  expect(visible).toBeGreaterThan(1_000);
});

test("an agent between user and service never shows or allows more", () => {
  fc.assert(
    fc.property(policies, callers, fc.array(documents, { maxLength: 6 }), (lines, caller, all) => {
      const table = tableOf(lines);
      const alone = { ...caller, actors: caller.actors.slice(1) };
      for (const document of all) expect(!shows(table, caller, document) || shows(table, alone, document)).toBe(true);
      for (const [action, object] of deeds) {
        expect(!mayDo(table, caller, action, object) || mayDo(table, alone, action, object)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test("one more deny rule never shows more", () => {
  fc.assert(
    fc.property(policies, policies, callers, fc.array(documents, { maxLength: 6 }), (lines, more, caller, all) => {
      const denies = more.filter((line) => line.endsWith("deny") && !lines.includes(line));
      const [before, after] = [tableOf(lines), tableOf([...lines, ...denies])];
      for (const document of all) expect(!shows(after, caller, document) || shows(before, caller, document)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
