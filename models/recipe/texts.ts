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

/** Texts of a corpus of JSON lines with `text`, at even distances, cut after 900 characters. */
export function corpusPassages(lines: string, count: number): string[] {
  const texts = lines.split("\n").flatMap((line) => {
    const value: unknown = line === "" ? undefined : JSON.parse(line);
    const text = typeof value === "object" && value !== null && "text" in value ? value.text : undefined;
    return typeof text === "string" && text.length > 20 ? [text.slice(0, 900)] : [];
  });
  return Array.from(
    { length: Math.min(count, texts.length) },
    (_, at) => texts[Math.floor((at * texts.length) / Math.min(count, texts.length))] ?? "",
  );
}

/** Every third whole word of the vocabulary that has at least three letters of English. */
export function vocabularyWords(vocabulary: string): string[] {
  return vocabulary
    .split("\n")
    .filter((token) => /^[a-z]{3,}$/.test(token))
    .filter((_, index) => index % 3 === 0);
}
