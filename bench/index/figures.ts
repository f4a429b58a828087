/** How long something took, ms. */
export interface Timing {
  readonly p50: number;
  readonly p95: number;
}

/** Runs a step for each number below `times`, after some that do not count. */
export async function timing(times: number, step: (number: number) => unknown): Promise<Timing> {
  const taken: number[] = [];
  for (let number = -5; number < times; number++) {
    const start = performance.now();
    // The measured steps are to follow each other.
    // oxlint-disable-next-line no-await-in-loop
    await step(number + 5);
    if (number >= 0) taken.push(performance.now() - start);
  }
  const sorted = taken.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { p50: at(0.5), p95: at(0.95) };
}

export function round(value: number, digits = 2): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

/** Memory of this process, MB. */
export function residentMb(): number {
  return Math.round(process.memoryUsage().rss / 1e6);
}
