import type { ChunkText } from "../ports/index.ts";
import { sentencesOf } from "../text/sentences.ts";
import { tellingTerms } from "./question.ts";

/** What a hit says, analysed, stop words left out. */
export interface HitText {
  /** Terms of title and headings. */
  readonly context: readonly string[];
  /** Terms of each sentence of the text. */
  readonly sentences: readonly (readonly string[])[];
  /** The sentences as they are written. */
  readonly written: readonly string[];
}

/** Reads a hit. */
export function hitTextOf(title: string, { headingPath, text }: Pick<ChunkText, "headingPath" | "text">): HitText {
  const written = sentencesOf(text);
  return { context: tellingTerms([title, ...headingPath].join("\n")), sentences: written.map(tellingTerms), written };
}

/** All terms of a hit, in their order. */
export function termsOf({ context, sentences }: HitText): string[] {
  return [...context, ...sentences.flat()];
}
