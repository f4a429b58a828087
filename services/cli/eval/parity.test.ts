import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "./eval.ts";
import type { PairLine } from "./pair-lines.ts";
import { temporaryFolder } from "./testing/tiny-set.ts";

const answer: PairLine = {
  user: "ann",
  query: "q1",
  score: 0.62,
  outcome: "answered",
  reason: null,
  hits: ["a", "b", "c", "d", "e", "f"],
  passages: ["a#0-9", "b#0-9"],
  gates: { floor: 0.1, threshold: 0.55 },
  features: { best: 0.7, mean: 0.2, deviation: 0.1 },
};
const lowConfidence = { outcome: "abstained", reason: "low_confidence", passages: [] } as const;

async function compared(a: readonly PairLine[], b: readonly PairLine[], ...args: string[]) {
  const folder = temporaryFolder();
  const files = ["a.jsonl", "b.jsonl"].map((name) => join(folder, name));
  for (const [at, lines] of [a, b].entries())
    writeFileSync(files[at] ?? "", lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  let stdout = "";
  let stderr = "";
  const code = await run(["parity", ...files, ...args], {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    env: {},
  });
  return { code, stdout, stderr };
}
const jsonOf = async (a: Partial<PairLine>, b: Partial<PairLine>) =>
  JSON.parse((await compared([{ ...answer, ...a }], [{ ...answer, ...b }], "--json")).stdout);

test("two runs that answered the same are the same, whatever the sixth document and the last digits of a confidence", async () => {
  const other = { ...answer, score: 0.621, hits: ["a", "b", "c", "d", "e", "g"], features: { best: 0.71 } };
  const { code, stdout } = await compared([answer], [other]);
  expect(code).toBe(0);
  expect(stdout).toContain("same outcome and reason     100.00 % (0 differ)");
  expect(stdout).toContain("confidence moved by at most 0.001000");
});

test("each difference has its cause, and the features that moved most come first", async () => {
  expect(
    await jsonOf({}, { ...lowConfidence, score: 0.54, features: { best: 0.7, mean: 0.1, deviation: 0.09 } }),
  ).toMatchObject({
    pairs: 1,
    same_outcome: 0,
    same_passages: 0,
    answered: 1,
    same_passages_of_answered: 0,
    same_documents: 1,
    largest_move: expect.closeTo(0.08),
    differences: [
      {
        user: "ann",
        query: "q1",
        outcome: ["answered", "low_confidence"],
        cause: "the confidence crossed the threshold",
        threshold: 0.55,
        moved: [
          { feature: "mean", from: 0.2, to: 0.1 },
          { feature: "deviation", from: 0.1, to: 0.09 },
        ],
        passages: [["a#0-9", "b#0-9"], []],
        documents: null,
      },
    ],
  });
  const cause = async (a: Partial<PairLine>, b: Partial<PairLine>) => (await jsonOf(a, b)).differences[0].cause;
  expect(await cause({}, { outcome: "error", score: 0, gates: null, features: null })).toBe("a request failed");
  expect(await cause({}, { ...lowConfidence, gates: { floor: 0.1, threshold: 0.7 } })).toBe("the gates differ");
  expect(await cause({ ...lowConfidence, score: 0.5 }, { ...lowConfidence, score: 0.5, reason: "stale" })).toBe(
    "another gate decided",
  );
  expect(await cause({}, { hits: ["a", "c", "b", "d", "e"] })).toBe("the order differs");
  expect(await cause({}, { hits: ["a", "b", "c", "d", "x"] })).toBe("the candidates differ");
  expect(await cause({}, { passages: ["a#0-9", "b#10-19"] })).toBe("the passages differ");
});

test("fewer equal answers than are asked for end in exit code 1", async () => {
  const many = Array.from({ length: 200 }, (_, at) => ({ ...answer, query: `q${at}` }));
  const others = (count: number) =>
    many.map((one, at) => (at < count ? { ...one, ...lowConfidence, score: 0.5 } : one));
  expect((await compared(many, others(1))).code).toBe(0);
  expect((await compared(many, others(2))).code).toBe(1);
  expect((await compared(many, others(2), "--outcomes", "99")).code).toBe(0);
  expect((await compared(many, others(3), "--outcomes", "0")).code).toBe(1);
  expect((await compared(many, others(3), "--outcomes", "0", "--passages", "98.5")).code).toBe(0);
});

test("files of other questions, or of something else, and wrong usage end in exit code 2 and one line", async () => {
  for (const [a, b, args, message] of [
    [[answer], [{ ...answer, query: "q2" }], [], /not of the same users and queries: 1 and 1 pairs, 0 of them in both/],
    [[answer, answer], [answer], [], /a\.jsonl:2: the same user and query a second time/],
    [[answer], [{ user: "ann" } as PairLine], [], /b\.jsonl:1: not a line of reticent eval --pairs/],
    [[answer], [], [], /b\.jsonl is empty/],
    [[answer], [answer], ["third"], /two files are needed/],
    [[answer], [answer], ["--outcomes", "101"], /--outcomes: a number from 0 to 100/],
  ] as const) {
    const { code, stderr } = await compared(a, b, ...args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr.trimEnd()).not.toContain("\n");
  }
});
