/** The mean; 0 of nothing. */
export const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** The standard deviation over all values; 0 of nothing. */
export function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)));
}

/** Pearson's correlation; 0 where either side does not vary, or there are fewer than three. */
export function correlationOf(a: readonly number[], b: readonly number[]): number {
  const spread = deviationOf(a) * deviationOf(b);
  if (a.length < 3 || !(spread > 1e-9)) return 0;
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  return meanOf(a.map((value, at) => (value - meanA) * ((b[at] ?? 0) - meanB))) / spread;
}
