import { expect, test } from "vitest";
import { abstainReasons, type RetrieveResponse } from "#core/retrieval/response.ts";
import { formatAnswer, printAnswer } from "./print-answer.ts";

const common = {
  id: `ret_${"0".repeat(32)}`,
  confidence: 0.684,
  calibration: { state: "uncalibrated", fingerprint: "f", fitted_on: null, fitted_at: null },
  gates: { floor: 0.05, threshold: 0.3 },
  versions: { policy: "p", trust: "t", index: "i", embedding_model: "m" },
} as const;

const passage = (text: string, url: string | null = null) => ({
  document_id: "leave/parental-leave.md",
  chunk_id: "8c1f0b52-d7a9-5f6e-9d3b-6a4e21c75f08",
  source: "handbook",
  title: "Parental leave",
  url,
  text,
  similarity: 0.4711,
  heading_path: [],
  start_char: 0,
  end_char: 1,
  updated_at: null,
  quality: { authority: null, review_state: null, owner: null, expires_at: null },
});

const answered = (...passages: [ReturnType<typeof passage>, ...ReturnType<typeof passage>[]]): RetrieveResponse => ({
  outcome: "answered",
  ...common,
  passages,
});

test("an answer shows confidence, and of each passage title, place, similarity, text and url", () => {
  const text = formatAnswer(answered(passage("26 weeks.", "https://wiki.example/p"), passage("Form P-12.")));
  expect(text).toBe(
    [
      "answered, confidence 0.68 (uncalibrated), 2 passages",
      "1. Parental leave  handbook/leave/parental-leave.md  similarity 0.47",
      "   26 weeks.",
      "   https://wiki.example/p",
      "2. Parental leave  handbook/leave/parental-leave.md  similarity 0.47",
      "   Form P-12.",
      "",
    ].join("\n"),
  );
});

test("a long passage is cut to two lines at a word, within the width", () => {
  const text = formatAnswer(answered(passage("weeks and ".repeat(100))), { width: 60, indent: "  " });
  const lines = text.trimEnd().split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[3]).toMatch(/(weeks|and) …$/);
  expect(Math.max(...lines.slice(2).map((line) => line.length))).toBeLessThanOrEqual(60);
});

test("passages beyond the wanted number are counted, not printed", () => {
  const text = formatAnswer(answered(passage("a"), passage("b"), passage("c")), { maxPassages: 1 });
  expect(text).toContain("and 2 more");
  expect(text).not.toContain("2. ");
});

test("a passage cannot send control sequences to the terminal", () => {
  const text = formatAnswer(answered({ ...passage("x\u001b[2Jy"), title: "\u001b]0;evil\u0007T" }));
  expect(text).not.toContain("\u001b");
  expect(text).not.toContain("\u0007");
});

test("every abstention says its message, its reason and what the reason means", () => {
  for (const reason of abstainReasons) {
    const text = formatAnswer({
      outcome: "abstained",
      ...common,
      reason,
      message: "I don't have that information.",
      passages: [],
    });
    const [first, second] = text.split("\n");
    expect(first).toBe("abstained: I don't have that information.");
    expect(second).toMatch(new RegExp(`^ {3}${reason}: .{20}`));
  }
});

test("printing goes to the given output, coloured only when asked for", () => {
  let written = "";
  printAnswer(answered(passage("a")), { color: true, output: { write: (text) => (written += text) } });
  expect(written).toContain("\u001b[32manswered\u001b[39m");
});
