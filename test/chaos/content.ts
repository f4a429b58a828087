import { hash } from "node:crypto";
import type { Content } from "./model/document.ts";

/** Words that all documents share, so that many of them meet a question about one. */
export const topics: readonly string[] =
  "river gauge battery antenna housing invoice contract holiday office kitchen server printer release support manual sensor cable valve report budget".split(
    " ",
  );

/** The word that only one document's texts have. */
export function markerOf(seed: number, tenant: string, source: string, id: string): string {
  return `d${hash("sha256", JSON.stringify([seed, tenant, source, id]), "hex").slice(0, 12)}`;
}

/** The word that only the texts of one put have. */
export const stampOf = (marker: string, { version, put }: Content): string => `v${version}p${put}${marker}`;

const stamps = /\bv(\d+)p(\d+)(d[0-9a-f]{12})\b/g;

/** A document and content that a text says it is of. */
export interface Stamp extends Content {
  readonly marker: string;
}

/** Every stamp in a text, each once. */
export function stampsIn(text: string): readonly Stamp[] {
  const found = new Map<string, Stamp>();
  for (const [whole, version, put, marker = ""] of text.matchAll(stamps)) {
    found.set(whole, { version: Number(version), put: Number(put), marker });
  }
  return [...found.values()];
}

/** A title that names document and content. */
export const titleOf = (marker: string, content: Content): string => `Note ${stampOf(marker, content)}`;

/**
 * A text of one to three chunks. Every sentence names the document and the content, so that every chunk does, however it is cut.
 * @param draw 0 … 1, decides about length and subject
 */
export function bodyOf(marker: string, content: Content, draw: number): string {
  const subject = topics[Math.floor(draw * topics.length)] ?? "river";
  const sentences = draw < 0.6 ? 6 : draw < 0.85 ? 26 : 44;
  const stamp = stampOf(marker, content);
  return Array.from(
    { length: sentences },
    (_, at) =>
      `The ${topics[(at * 7 + content.put) % topics.length]} of ${marker} says ${stamp} about the ${subject}, item ${at}.`,
  ).join(at(sentences));
}

const at = (sentences: number): string => (sentences > 6 ? "\n\n" : " ");
