/** Code spans of a paragraph: a run of backticks up to the next run of the same length (CommonMark 0.31, section 6.1). */
export class CodeSpans {
  readonly #text: string;
  /** Starts of the runs of each length, made at the first need, so that no search is done twice. */
  #runs: Map<number, number[]> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** @returns where the span that begins with the run at `at` ends, or the end of the run when it begins none. */
  end(at: number): number {
    const length = runLength(this.#text, at);
    this.#runs ??= backtickRuns(this.#text);
    const starts = this.#runs.get(length) ?? [];
    // Runs are asked for from left to right: what lies behind is never needed again.
    let close = starts.at(-1);
    while (close !== undefined && close <= at) {
      starts.pop();
      close = starts.at(-1);
    }
    return close === undefined ? at + length : close + length;
  }
}

function runLength(text: string, at: number): number {
  let end = at;
  while (text[end] === "`") end++;
  return end - at;
}

/** Starts by length, last first. */
function backtickRuns(text: string): Map<number, number[]> {
  const runs = new Map<number, number[]>();
  for (const match of text.matchAll(/`+/g)) {
    const starts = runs.get(match[0].length);
    if (starts === undefined) runs.set(match[0].length, [match.index]);
    else starts.push(match.index);
  }
  for (const starts of runs.values()) starts.reverse();
  return runs;
}
