const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });

/** A text cut into its sentences, in their order; together they are the text. */
export function sentencesOf(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}
