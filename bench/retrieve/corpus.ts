import { random, zipf } from "../index/random.ts";

/** Documents of a collection that is made up: pseudo-words by Zipf's law, in sentences and sections, about eight chunks each. */
export const chunksPerDocument = 8;
const sections = 8;
/** So that a section with its heading is one chunk of the built-in encoder. */
const wordsPerSection = 58;
const vocabulary = 30_000;
const topics = 200;
const wordsPerTopic = 60;
const drawRank = zipf(vocabulary, 1.05);
const syllables = "ka lo mi ren sta tu vel por dan ger si no ba tri lum fe ot ar".split(" ");

/** Markdown of a document: a mixture of common words and of those of its topic. */
export function bodyOf(document: number): string {
  const draw = random(document + 1);
  const topic = Math.floor(draw() * topics);
  const word = (): string =>
    draw() < 0.3 ? topicWord(topic, Math.floor(draw() * wordsPerTopic)) : wordOf(drawRank(draw()));
  return Array.from({ length: sections }, (_, section) => {
    const words = Array.from({ length: wordsPerSection }, (_unused, at) => (at % 12 === 11 ? `${word()}.` : word()));
    return `## ${word()} ${word()} ${section}\n\n${words.join(" ")}.`;
  }).join("\n\n");
}

/** A question about a document that there is: words of it. */
export function questionAbout(document: number, number: number): string {
  const draw = random(7_000_000 + number);
  const words = bodyOf(document).replaceAll(/[#.]/gu, "").split(/\s+/u);
  const from = Math.floor(draw() * (words.length - 12));
  return `how does ${words.slice(from, from + 4 + Math.floor(draw() * 6)).join(" ")}?`;
}

const topicWord = (topic: number, at: number): string => wordOf(1_000 + topic * wordsPerTopic + at);

/** Always the same word for a rank, different ones for different ranks. */
function wordOf(rank: number): string {
  let word = "";
  for (let rest = rank; rest > 0; rest = Math.floor(rest / syllables.length))
    word += syllables[rest % syllables.length];
  return word;
}
