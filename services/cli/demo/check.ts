import type { RetrieveResponse } from "#core/retrieval/response.ts";
import type { DemoQuestion, Expectation } from "./questions.ts";

/** Reasons for which there was nothing readable: which of them it is depends on the encoder alone. */
const nothingReadable: ReadonlySet<string> = new Set(["no_match", "below_similarity", "low_confidence"]);

/**
 * Holds a response against what examples/questions.yaml promises.
 * @returns what is wrong, in a few words, or `undefined`
 */
export function unexpected(
  question: DemoQuestion,
  expected: Expectation,
  response: RetrieveResponse,
): string | undefined {
  const text = response.passages.map((passage) => passage.text).join("\n");
  if (question.never !== undefined && text.includes(question.never)) return `"${question.never}" was returned`;
  if (response.outcome === "abstained") {
    if (expected.outcome === "answered") return `expected ${expected.source}/${expected.document}`;
    if (
      expected.reason === "nothing_readable"
        ? nothingReadable.has(response.reason)
        : expected.reason === response.reason
    ) {
      return undefined;
    }
    return `expected the reason ${expected.reason}`;
  }
  if (expected.outcome === "abstained") return `expected an abstention (${expected.reason})`;
  const [first] = response.passages;
  if (first?.source !== expected.source || first.document_id !== expected.document) {
    return `expected ${expected.source}/${expected.document} first`;
  }
  return text.includes(expected.says) ? undefined : `"${expected.says}" is not in the passages`;
}
