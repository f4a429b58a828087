import * as fc from "fast-check";
import { expect, test } from "vitest";
import { derived, Examination, type Found, failed, type Handle, ok, warning } from "./examination.ts";

/** How a check of the property comes out: with or without what others need, or not at all. */
const outcomes = ["ok", "ok-without", "warning", "failed", "failed-with", "throws", "rejects", "hangs"] as const;
type Outcome = (typeof outcomes)[number];
const gives: ReadonlySet<Outcome> = new Set(["ok", "warning", "failed-with"]);

function found(outcome: Outcome, at: number): Promise<Found<number>> | Found<number> {
  if (outcome === "throws") throw new Error("a secret");
  if (outcome === "rejects") return Promise.reject(new Error("a secret"));
  if (outcome === "hangs") return new Promise(() => {});
  if (outcome === "warning") return warning(`line ${at}`, "do this", at);
  if (outcome === "failed") return failed(`line ${at}`, "do this");
  if (outcome === "failed-with") return failed(`line ${at}`, "do this", at);
  return outcome === "ok" ? ok(`line ${at}`, at) : ok(`line ${at}`);
}

test("no check hides another: each has its line, in order, and only what needs an unknown is skipped", async () => {
  const checks = fc.array(
    fc.record({ outcome: fc.constantFrom(...outcomes), needs: fc.array(fc.nat(), { maxLength: 3 }) }),
    { minLength: 1, maxLength: 12 },
  );
  const property = fc.asyncProperty(checks, async (made) => {
    const examination = new Examination(5);
    const handles: Handle<number>[] = [];
    const isKnown: boolean[] = [];
    const expected: string[] = [];
    for (const [at, { outcome, needs }] of made.entries()) {
      const before = needs.map((need) => need % Math.max(at, 1)).filter((need) => need < at);
      const isAsked = before.every((need) => isKnown[need]);
      isKnown.push(isAsked && gives.has(outcome));
      if (!isAsked) expected.push(`check-${at} skipped`);
      else if (["throws", "rejects", "hangs"].includes(outcome)) expected.push(`check-${at} failed`);
      else expected.push(`check-${at} ${outcome.replace(/-.*/, "")} line ${at}`);
      handles.push(
        examination.check<number, Handle<number>[]>({
          name: `check-${at}`,
          needs: before.flatMap((need) => handles[need] ?? []),
          advice: "do this",
          look: (...known) => {
            expect(known).toEqual(before);
            return found(outcome, at);
          },
        }),
      );
    }
    const lines = await examination.lines();
    const told = lines.map(({ name, status, finding }) =>
      finding.startsWith("line ") ? `${name} ${status} ${finding}` : `${name} ${status}`,
    );
    expect(told).toEqual(expected);
    for (const { status, advice } of lines) expect(advice === undefined).toBe(status === "ok" || status === "skipped");
    expect(JSON.stringify(lines)).not.toContain("secret");
  });
  await fc.assert(property, { numRuns: 100 });
});

test("a skipped line says because of what, and a hanging one how long it was waited for", async () => {
  const examination = new Examination(5);
  const away = examination.check<number>({ name: "server", advice: "start it", look: () => new Promise(() => {}) });
  examination.check({ name: "version", needs: [away], advice: "", look: (version) => ok(String(version)) });
  expect(await examination.lines()).toMatchObject([
    { name: "server", status: "failed", finding: "no answer within 5 ms", advice: "start it" },
    { name: "version", status: "skipped", finding: "not asked, because of server" },
  ]);
});

test("a part that cannot be made of a value fails the line that needs it, and the report is made", async () => {
  const examination = new Examination(1_000);
  const server = examination.check({ name: "server", advice: "", look: () => ok("there", 1) });
  const part = derived(server, (): number => {
    throw new Error("a secret");
  });
  examination.check({ name: "part", needs: [part], advice: "", look: () => ok("made") });
  examination.check({ name: "other", advice: "", look: () => ok("made") });
  expect(await examination.lines()).toMatchObject([
    { name: "server", status: "ok" },
    { name: "part", status: "failed", finding: "it failed (Error)", advice: expect.stringMatching(/./) },
    { name: "other", status: "ok" },
  ]);
});
