import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The demo's documents, cut at empty lines into passages of 400 to about 900 characters; in the order of their names. */
export function examplePassages(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(md|txt|html)$/.test(name))
    .toSorted();
  return files.flatMap((name) => {
    const body = readFileSync(join(folder, name), "utf8")
      .replace(/^---\n[\s\S]*?\n---\n/, "")
      .replace(/<[^>]*>/g, " ");
    const passages: string[] = [];
    let current = "";
    for (const paragraph of body.split(/\n\s*\n/)) {
      current += `${paragraph.trim()}\n`;
      if (current.length < 400) continue;
      passages.push(current.trim());
      current = "";
    }
    if (current.trim().length > 100) passages.push(current.trim());
    return passages;
  });
}

/** Every third whole word of the vocabulary that has at least three letters of English. */
export function vocabularyWords(vocabulary: string): string[] {
  return vocabulary
    .split("\n")
    .filter((token) => /^[a-z]{3,}$/.test(token))
    .filter((_, index) => index % 3 === 0);
}
