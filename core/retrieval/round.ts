/** Rounds to six decimals: what is compared with a gate is exactly what is shown. */
export function round6(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
