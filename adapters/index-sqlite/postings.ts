/** Chunks that contain one term: slot and frequency, alternating. */
interface Posting {
  pairs: Int32Array;
  /** Used entries of `pairs`. */
  used: number;
}

/**
 * An inverted index over slots. A removed slot stays in the lists until the next {@link Postings.sweep}; whoever reads must
 * know which slots count.
 */
export class Postings {
  readonly #terms = new Map<string, Posting>();

  add(slot: number, terms: ReadonlyMap<string, number>): void {
    for (const [term, frequency] of terms) {
      let posting = this.#terms.get(term);
      if (posting === undefined) {
        posting = { pairs: new Int32Array(2), used: 0 };
        this.#terms.set(term, posting);
      }
      if (posting.used === posting.pairs.length) {
        const grown = new Int32Array(Math.max(8, posting.pairs.length * 2));
        grown.set(posting.pairs);
        posting.pairs = grown;
      }
      posting.pairs[posting.used] = slot;
      posting.pairs[posting.used + 1] = frequency;
      posting.used += 2;
    }
  }

  /** Pairs of slot and frequency, removed slots included, in no meaningful order. */
  of(term: string): Int32Array {
    const posting = this.#terms.get(term);
    return posting === undefined ? none : posting.pairs.subarray(0, posting.used);
  }

  /** Forgets removed slots in every list, so that they can be given out again. */
  sweep(removed: ReadonlySet<number>): void {
    for (const [term, posting] of this.#terms) {
      let kept = 0;
      for (let i = 0; i < posting.used; i += 2) {
        const slot = posting.pairs[i] ?? 0;
        if (removed.has(slot)) continue;
        posting.pairs[kept] = slot;
        posting.pairs[kept + 1] = posting.pairs[i + 1] ?? 0;
        kept += 2;
      }
      posting.used = kept;
      if (kept === 0) this.#terms.delete(term);
      else if (kept * 4 < posting.pairs.length) posting.pairs = posting.pairs.slice(0, kept);
    }
  }
}

const none = new Int32Array(0);
