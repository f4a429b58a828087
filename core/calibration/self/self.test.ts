import { expect, test } from "vitest";
import { chunkDocument } from "../../text/chunk.ts";
import { parseDocument } from "../../text/parse.ts";
import { seededRandom } from "../bootstrap.ts";
import { spreadOverGroups, withoutGroup } from "./draw.ts";
import { clusters, folderOf, groupingOf, titlePrefix } from "./groups.ts";
import { halfOf, mostCentral, questionSentences, without } from "./sentences.ts";

const long = "The lighthouse keeper climbs ninety steps every evening at dusk.";
const other = "Its lamp burns amber oil that ships bring in the spring.";

test("questions are sentences of 6 to 40 words, mostly letters, each once, and no headings", () => {
  const heading = "# The long and winding history of our old lighthouse";
  const body = `${heading}\n\n${long} Too short. ${long}\n\n- ${other}\n\n1 2 3 4 5 6 7 8 9 10 11.\n\n${"word ".repeat(41)}end.`;
  expect(questionSentences(parseDocument(body, "text/markdown"))).toEqual([long, other]);
});

test("the central vector has the highest mean cosine to the others; of equal ones the first wins", () => {
  const unit = (angle: number) => Float32Array.of(Math.cos(angle), Math.sin(angle));
  expect(mostCentral([unit(0), unit(1.5), unit(0.7), unit(2)])).toBe(2);
  expect(mostCentral([unit(0), unit(1), unit(0.5)])).toBe(2);
  expect(mostCentral([unit(0.3), unit(0.3)])).toBe(0);
});

test("half of a sentence is a run of half of its words, of six at least, and every run has its turn", () => {
  const random = seededRandom(3);
  const words = long.split(" ");
  expect(words).toHaveLength(10);
  const starts = new Set<number>();
  for (let turn = 0; turn < 100; turn++) {
    const half = halfOf(long, random);
    expect(half.split(" ")).toHaveLength(6);
    expect(long).toContain(half);
    starts.add(long.indexOf(half));
  }
  expect(starts.size).toBe(5);
  expect(halfOf(`${long} ${other}`, random).split(" ")).toHaveLength(11);
  expect(halfOf("Six words are all it has.", random)).toBe("Six words are all it has.");
});

test.each(["text/plain", "text/markdown", "text/html"] as const)(
  "a masked %s document shows its sentence in no chunk, and all the rest of it",
  (type) => {
    const paragraphs = [`${other} ${long} It was rebuilt in stone.`, long, "A third paragraph stands at the end."];
    const body = type === "text/html" ? paragraphs.map((text) => `<p>${text}</p>`).join("\n") : paragraphs.join("\n\n");
    const masked = without(parseDocument(body, type), long);
    if (masked === undefined) throw new Error("nothing left");
    const options = { title: "t", maxTokens: 256, countTokens: (text: string) => text.split(/\s+/).length };
    const shown = chunkDocument(masked, options)
      .map((chunk) => chunk.text)
      .join("\n");
    expect(shown).not.toContain("ninety steps");
    for (const kept of [other, "It was rebuilt in stone.", "A third paragraph"]) expect(shown).toContain(kept);
  },
);

test("a document that is nothing but the sentence cannot be masked", () => {
  expect(without(parseDocument(long, "text/plain"), long)).toBeUndefined();
});

const documents = (list: readonly (readonly [source: string, id: string, title: string])[]) =>
  list.map(([source, id, title]) => ({ key: { tenant: "one", source, id }, title }));
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

test("the finest grouping that is one is chosen: title prefix, then folder, then source, else none", () => {
  expect(titlePrefix("Product A — General questions")).toBe("Product A");
  expect(titlePrefix("Storage: how to pay")).toBe("Storage");
  expect(folderOf({ tenant: "t", source: "s", id: "a/b/c" })).not.toBe(
    folderOf({ tenant: "t", source: "s", id: "a/c" }),
  );
  const byTitle = documents(numbers(20).map((at) => ["s", `d${at}`, `Product ${at % 5}: part ${at}`]));
  expect(groupingOf(byTitle)?.by).toBe("title");
  const byFolder = documents(numbers(20).map((at) => ["s", `f${at % 5}/d${at}`, `Title ${at}`]));
  expect(groupingOf(byFolder)?.by).toBe("folder");
  const bySource = documents(numbers(20).map((at) => [`s${at % 4}`, `d${at}`, `Title ${at}`]));
  expect(groupingOf(bySource)?.by).toBe("source");
  // Three groups are too few, and a group of more than half is the corpus.
  expect(groupingOf(documents(numbers(20).map((at) => [`s${at % 3}`, `d${at}`, `T ${at}`])))).toBeUndefined();
  expect(
    groupingOf(documents(numbers(20).map((at) => [`s${at < 12 ? 0 : at % 4}`, `d${at}`, `T ${at}`]))),
  ).toBeUndefined();
});

test("clusters put vectors of one direction together, the same in every run", () => {
  const vectors = numbers(40).map((at) => {
    const angle = (at % 4) * (Math.PI / 2) + 0.01 * Math.floor(at / 4);
    return Float32Array.of(Math.cos(angle), Math.sin(angle));
  });
  const groups = clusters(vectors, 1);
  expect(new Set(groups).size).toBe(4);
  expect(new Set(numbers(40).map((at) => `${at % 4} ${groups[at]}`)).size).toBe(4);
  expect(clusters(vectors, 1)).toEqual(groups);
});

test("documents are drawn from each group in turn, those that are alone in their group never", () => {
  const groups = ["a", "a", "a", "b", "b", "alone", "c", "c"];
  const order = spreadOverGroups(groups, 7);
  expect(order.toSorted((x, y) => x - y)).toEqual([0, 1, 2, 3, 4, 6, 7]);
  expect(new Set(order.slice(0, 3).map((at) => groups[at])).size).toBe(3);
  expect(spreadOverGroups(groups, 7)).toEqual(order);
});

test("the unanswerable case is without the whole group and about a fifth of the others", () => {
  const groups = numbers(1000).map((at) => `g${at % 10}`);
  const left = withoutGroup(groups, "g3", 5);
  expect(left.some((at) => groups[at] === "g3")).toBe(false);
  expect(left.length).toBeGreaterThan(900 * 0.75);
  expect(left.length).toBeLessThan(900 * 0.85);
  expect(withoutGroup(groups, "g3", 5)).toEqual(left);
});
