import type { AbstainReason, Passage, RetrieveResponse } from "#core/retrieval/response.ts";
import { type Output, printable, type Style, styleOf, wrap } from "./terminal.ts";

/** How an answer is printed. */
export interface PrintAnswerOptions {
  /** Where to; the process's stdout when absent. */
  readonly output?: Output;
  /** Colours; none when absent. */
  readonly color?: boolean;
  /** Put in front of every line. */
  readonly indent?: string;
  /** Longest line, indent included; 100 when absent. */
  readonly width?: number;
  /** Print the first passages only, and how many more there are; all when absent. */
  readonly maxPassages?: number;
}

const snippetLines = 2;

/** What each reason of an abstention means, for a person. None of them tells whether something hidden exists. */
export function reasonMeaning(response: Extract<RetrieveResponse, { outcome: "abstained" }>): string {
  const meanings: Record<AbstainReason, string> = {
    no_match: "nothing that this caller may read has to do with the question",
    below_similarity: `nothing that this caller may read is similar enough (floor ${number(response.gates.floor)})`,
    low_confidence: `what was found is unlikely to answer (${number(response.confidence)} of the ${number(response.gates.threshold)} needed)`,
    untrusted: "the only answer is not trusted: its source, its review state or its missing owner",
    stale: "the only answer is out of date: expired, too old or replaced",
  };
  return meanings[response.reason];
}

/** Prints an answer of the service, as {@link formatAnswer} gives it. */
export function printAnswer(response: RetrieveResponse, options: PrintAnswerOptions = {}): void {
  (options.output ?? process.stdout).write(formatAnswer(response, options));
}

/** An answer as text, each line ended: what was returned with how much confidence, or the abstention and its reason. */
export function formatAnswer(response: RetrieveResponse, options: PrintAnswerOptions = {}): string {
  const { color = false, indent = "", width = 100, maxPassages = Number.POSITIVE_INFINITY } = options;
  const style = styleOf(color);
  const room = Math.max(20, width - indent.length);
  const lines = response.outcome === "answered" ? answered() : abstained();
  return lines.map((line) => `${indent}${line}`.trimEnd().concat("\n")).join("");

  function answered(): string[] {
    const count = response.passages.length;
    const head = `${style.green("answered")}, confidence ${number(response.confidence)}${uncalibrated(response)}, ${count} passage${count === 1 ? "" : "s"}`;
    const shown = response.passages.slice(0, maxPassages);
    const rest = count - shown.length;
    return [
      head,
      ...shown.flatMap((passage, index) => passageLines(passage, index + 1, room, style)),
      ...(rest > 0 ? [style.dim(`   and ${rest} more`)] : []),
    ];
  }

  function abstained(): string[] {
    if (response.outcome !== "abstained") return [];
    return [
      `${style.yellow("abstained")}: ${printable(response.message)}`,
      ...wrap(`${response.reason}: ${reasonMeaning(response)}`, room - 3).map((line) => style.dim(`   ${line}`)),
    ];
  }
}

function passageLines(passage: Passage, position: number, room: number, style: Style): string[] {
  const name = printable(`${passage.source}/${passage.document_id}`);
  return [
    `${position}. ${style.bold(printable(passage.title))}  ${style.dim(`${name}  similarity ${number(passage.similarity)}`)}`,
    ...snippet(passage.text, room - 3).map((line) => `   ${line}`),
    ...(passage.url === null ? [] : [style.dim(`   ${printable(passage.url)}`)]),
  ];
}

/** The beginning of a text in at most two lines; an ellipsis says that there is more. */
function snippet(text: string, width: number): string[] {
  // Enough characters for the two lines; wrapping a whole long passage would be thrown away.
  const lines = wrap(printable(text.slice(0, width * (snippetLines + 1) * 2)), width - 2);
  if (lines.length <= snippetLines) return lines;
  return lines.slice(0, snippetLines).map((line, at) => (at === snippetLines - 1 ? `${line} …` : line));
}

function uncalibrated(response: RetrieveResponse): string {
  return response.calibration.state === "uncalibrated" ? " (uncalibrated)" : "";
}

function number(value: number): string {
  return value.toFixed(2);
}
