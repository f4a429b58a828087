import { expect, test } from "vitest";
import type { RetrieveResponse } from "#core/retrieval/response.ts";
import { type Answer, hitsOf, shapeOf, unite, withoutRandom } from "./asking.ts";
import { readDataset } from "./dataset.ts";
import { firstDifference } from "./isolation.ts";
import { corpusOf, foreignPassages, hiddenNames, isSliceOf } from "./leaks.ts";
import { mapDataset } from "./mapping.ts";
import { readOptions } from "./options.ts";
import { bestReader, planOf } from "./plan.ts";
import { supersededFigures } from "./superseded.ts";
import { tinySet, writeSet } from "./testing/tiny-set.ts";

const id = `ret_${"0".repeat(32)}`;
const common = {
  id,
  calibration: { state: "uncalibrated" as const, fingerprint: "f", fitted_on: null, fitted_at: null },
  gates: { floor: 0.1, threshold: 0.5 },
  versions: { policy: "p", trust: "t", index: "i", embedding_model: "m" },
};
const abstained = (confidence: number): RetrieveResponse => ({
  outcome: "abstained",
  ...common,
  confidence,
  reason: "low_confidence",
  message: "I don't have that information.",
  passages: [],
});
const passage = {
  document_id: "red/leave",
  chunk_id: "3b241101-e2bb-5255-8caf-4136c566a962",
  source: "s",
  title: "Leave",
  url: null,
  text: "Leave",
  similarity: 0.5,
  heading_path: [] as string[],
  start_char: 2,
  end_char: 7,
  updated_at: null,
  quality: { authority: null, review_state: null, owner: null, expires_at: null },
};
const answered = (confidence: number, over: Partial<typeof passage> = {}): RetrieveResponse => ({
  outcome: "answered",
  ...common,
  confidence,
  passages: [{ ...passage, ...over }],
});
const traceOf = (...candidates: [string, string][]): Answer["trace"] => ({
  features: { best: candidates.length },
  candidates: candidates.map(([document_id, gate]) => ({ source: "s", document_id, gate })),
});
const nameOf = (_source: string, documentId: string) => documentId;

test("the ranking is the one before the floor and confidence gates, without what quality or the re-check dropped", () => {
  const trace = traceOf(["a", "returned"], ["b", "floor"], ["c", "confidence"], ["d", "stale"], ["e", "recheck"]);
  expect(hitsOf({ trace, nameOf })).toEqual(["a", "b", "c"]);
});

test("the more confident response leads, its documents come first, and none comes twice", () => {
  const red: Answer = { response: abstained(0.2), trace: traceOf(["a", "confidence"], ["p", "confidence"]), nameOf };
  const blue: Answer = { response: answered(0.7), trace: traceOf(["p", "returned"], ["b", "floor"]), nameOf };
  expect(unite([red, blue])).toEqual({
    score: 0.7,
    outcome: "answered",
    reason: null,
    hits: ["p", "b", "a"],
    passages: ["red/leave#2-7"],
    // Of the leading response.
    features: { best: 2 },
  });
  expect(unite([red]).reason).toBe("low_confidence");
});

test("equally confident responses keep the order of the tenants, and at most fifty documents are kept", () => {
  const many = (prefix: string): Answer => ({
    response: abstained(0),
    trace: traceOf(...Array.from({ length: 40 }, (_, at): [string, string] => [`${prefix}${at}`, "floor"])),
    nameOf,
  });
  const { hits } = unite([many("a"), many("b")]);
  expect(hits).toHaveLength(50);
  expect(hits.slice(39, 41)).toEqual(["a39", "b0"]);
});

test("a user without any answer has an error, not an abstention", () => {
  expect(unite([])).toEqual({ score: 0, outcome: "error", reason: null, hits: [], passages: [], features: null });
});

test("only the random id is left out of a comparison, and the first difference is shown", () => {
  const body = (name: string, ids: string) => JSON.stringify({ id: ids, chunk_id: "5", name });
  expect(withoutRandom(200, body("x", id))).toBe(withoutRandom(200, body("x", `ret_${"a".repeat(32)}`)));
  const [a, b] = [withoutRandom(200, body("x", id)), withoutRandom(200, body("y", id))];
  expect(firstDifference(a, a)).toBeUndefined();
  expect(firstDifference(a, b)?.b).toContain('"y"');
});

test("a shape is the keys, whatever the values and the number of passages", () => {
  expect(shapeOf(answered(0.1))).toBe(
    shapeOf({ ...answered(0.9), passages: [passage, { ...passage, url: "u", heading_path: ["h"] }] }),
  );
  expect(shapeOf(answered(0.1))).not.toBe(shapeOf(abstained(0.1)));
});

const corpus = async () => corpusOf((await readDataset(writeSet(tinySet))).documents);

test("an id or a title of a hidden document is found wherever it stands in a body", async () => {
  const visible = new Set(["red/welcome", "red/leave"]);
  const body = JSON.stringify({ detail: ["red/salaries"], deep: { title: "Oven on call" }, fine: "red/leave" });
  expect(hiddenNames(body, "", await corpus(), visible)).toEqual([
    { what: "id", document: "red/salaries" },
    { what: "title", document: "red/oven" },
  ]);
});

test("a title that a visible document has too, and the echoed query, tell nothing", async () => {
  const visible = new Set(["blue/leave"]);
  expect(hiddenNames(JSON.stringify(["Leave", "Salaries"]), "Salaries", await corpus(), visible)).toEqual([]);
});

test("a heading of a visible document may be called like a hidden one", async () => {
  const body = JSON.stringify(answered(1, { heading_path: ["Salaries"], text: "Oven on call" }));
  expect(hiddenNames(body, "", await corpus(), new Set(["red/leave"]))).toEqual([]);
});

test("a passage must be of a visible document, with its title, and a slice of its text", async () => {
  const visible = new Set(["red/leave"]);
  const found = async (over: Partial<typeof passage>) => foreignPassages(answered(1, over), await corpus(), visible);
  expect(await found({})).toEqual([]);
  expect(await found({ document_id: "red/salaries" })).toEqual([{ what: "id", document: "red/salaries" }]);
  expect(await found({ document_id: "red/unheard" })).toEqual([{ what: "id", document: "red/unheard" }]);
  expect(await found({ title: "Salaries" })).toEqual([{ what: "title", document: "red/leave" }]);
  expect(await found({ heading_path: ["Leave"] })).toEqual([]);
  expect(await found({ heading_path: ["Salaries"] })).toEqual([{ what: "text", document: "red/leave" }]);
  expect(await found({ text: "forty thousand" })).toEqual([{ what: "text", document: "red/leave" }]);
});

test("mark-up may be missing from a slice, words may not be added", () => {
  expect(isSliceOf("bold move", "a **bold** [move](x)", 2, 20)).toBe(true);
  expect(isSliceOf("bold moves", "a **bold** [move](x)", 2, 20)).toBe(false);
});

const options = (folder: string, ...args: string[]) => {
  const read = readOptions([folder, ...args]);
  if (read === undefined) throw new Error("help was not asked for");
  return read;
};

test("with access lists every user asks every query, whatever the split", async () => {
  const folder = writeSet(tinySet);
  const set = await readDataset(folder);
  const mapping = mapDataset(set);
  const plan = planOf(set, mapping, options(folder, "--split", "calib"));
  expect(plan.questions.map(({ queries }) => queries.length)).toEqual([4, 4, 4, 4, 4, 4, 4]);
  expect(planOf(set, mapping, options(folder, "--limit", "2")).queries.map((query) => query.id)).toEqual(["q1", "q2"]);
});

test("a query's reader is who may read most of what is relevant, then who sees most", async () => {
  const { users } = mapDataset(await readDataset(writeSet(tinySet)));
  const [q1, q2, q3, q4] = tinySet["queries.jsonl"].map((query) => ({ ...query, relevant: [...query.relevant] }));
  if (q1 === undefined || q2 === undefined || q3 === undefined || q4 === undefined) throw new Error("four queries");
  expect(bestReader(q1, users)?.id).toBe("ann");
  expect(bestReader(q2, users)?.id).toBe("ann");
  expect(bestReader(q3, users)?.id).toBe("ann");
  expect(bestReader(q4, users)?.id).toBe("dan");
});

test("without access lists the split is asked, and all of the set when a file of it is wanted and no split is named", async () => {
  const folder = writeSet({ "corpus.jsonl": tinySet["corpus.jsonl"], "queries.jsonl": tinySet["queries.jsonl"] });
  const set = await readDataset(folder);
  const asked = (...args: string[]) => planOf(set, mapDataset(set), options(folder, ...args)).queries.length;
  expect(asked()).toBe(3);
  expect(asked("--run", "x")).toBe(4);
  expect(asked("--run", "x", "--split", "test")).toBe(3);
  expect(asked("--split", "calib")).toBe(1);
  expect(asked("--split", "all", "--limit", "2")).toBe(2);
});

test("an outdated version above its current one counts, unless the user may not read the current one", async () => {
  const set = await readDataset(writeSet(tinySet));
  const [first] = set.documents;
  if (first === undefined) throw new Error("a document");
  const old = { ...first, id: "old", meta: { supersededBy: "new" } };
  const withOld = { ...set, documents: [old, { ...first, id: "new" }] };
  const user = (visible: string[]) =>
    new Map([["u", { id: "u", name: "u", agents: [], tokens: [], visible: new Set(visible) }]]);
  const [query] = set.queries;
  if (query === undefined) throw new Error("a query");
  const rest = {
    user: "u",
    query,
    score: 0,
    reason: null,
    features: null,
    candidates: [],
    rows: [],
    ms: [],
    responses: [],
    shapes: [],
    gates: null,
  };
  const asked = [["old", "new"], ["new", "old"], ["old"], ["other"]].map((hits) => ({
    ...rest,
    hits,
    passages: [],
    outcome: "abstained" as const,
  }));
  expect(supersededFigures(asked, withOld, user(["old", "new"]))).toEqual({
    asked: 4,
    concerned: 3,
    superseded_above_current: 2,
    share: 0.5,
    share_of_concerned: 2 / 3,
  });
  expect(supersededFigures(asked, withOld, user(["old"])).superseded_above_current).toBe(0);
});
