/** Numbers that one call works on; even, so that pairs of numbers are never cut. */
export const blockLength = 4096;

/**
 * Walks over `length` numbers in blocks. A loop over a hundred thousand numbers in a function that is called once per search runs for hundreds
 * of searches in code that is not compiled yet, because a compiler counts calls; a function called for each block is compiled within the first few.
 */
export function inBlocks(length: number, block: (from: number, to: number) => void): void {
  for (let from = 0; from < length; from += blockLength) block(from, Math.min(length, from + blockLength));
}
