import { expect, test } from "vitest";
import { accessOf } from "#core/access/acl.ts";
import { keyString } from "#core/document.ts";
import { bodyOf } from "../content.ts";
import type { Access } from "../model/access.ts";
import { type TrackedDocument, World } from "../model/world.ts";
import { compareIndex, type IndexContents } from "./compare-index.ts";

const access: Access = { acl: [{ access_type: "grant", type: "group", value: "a" }], labels: ["draft"] };
const content = { version: 3, put: 7 };

/** One document of two chunks, and the points that belong to it. */
function scene() {
  const world = new World(1);
  const document = world.add("one", "wiki", "page");
  document.history.begin(1, 1, { kind: "put", content, access });
  const [created] = document.history.expected(1);
  if (created !== undefined) document.history.answered(2, 1, created);
  const ids = ["p1", "p2"];
  const contents = {
    search: ids.map((id) => ({ id, payload: payloadOf(document, 1) })),
    texts: ids.map((id) => ({ id, payload: { text: bodyOf(document.marker, content, 0), generation: 1 } })),
  };
  return { world, document, contents };
}

function payloadOf(document: TrackedDocument, generation: number) {
  const { tenant, source } = document;
  const { grants, denies, labels } = accessOf(access.acl, access.labels);
  return {
    tenant,
    source,
    document: keyString(document),
    generation,
    grants,
    denies,
    labels,
    other_grants: [],
    access_revision: 1,
  };
}

const kinds = (world: World, contents: IndexContents, document: TrackedDocument): string[] =>
  compareIndex(world, contents, new Map([[document, 2]])).map(({ kind }) => kind);

test("an index that holds exactly what it has to is not reported", () => {
  const { world, document, contents } = scene();
  expect(kinds(world, contents, document)).toEqual([]);
});

test("points of another generation, of a deleted document and of one that nobody sent are reported", () => {
  const { world, document, contents } = scene();
  const extra = (payload: Record<string, unknown>): IndexContents => ({
    ...contents,
    search: [...contents.search, { id: "p3", payload }],
  });
  expect(kinds(world, extra(payloadOf(document, 2)), document)).toEqual(["orphan-point"]);
  expect(kinds(world, extra({ ...payloadOf(document, 1), document: "other" }), document)).toEqual(["orphan-point"]);
  expect(kinds(world, extra({ ...payloadOf(document, 1), tenant: "two" }), document)).toEqual(["orphan-point"]);
  document.history.begin(3, 3, { kind: "delete", version: 3 });
  const [deleted] = document.history.expected(3);
  if (deleted !== undefined) document.history.answered(4, 3, deleted);
  expect(new Set(kinds(world, contents, document))).toEqual(new Set(["orphan-point", "orphan-text"]));
});

test("a copy of access that a stalled worker undid is reported", () => {
  const { world, document, contents } = scene();
  const [one, ...others] = contents.search;
  const payload = { ...one?.payload, grants: ["everyone"] };
  expect(kinds(world, { ...contents, search: [{ id: "p1", payload }, ...others] }, document)).toEqual(["access-copy"]);
});

test("a chunk that is missing, one with another text, and a text that nothing points to are reported", () => {
  const { world, document, contents } = scene();
  const without = { search: contents.search.slice(1), texts: contents.texts.slice(1) };
  expect(kinds(world, without, document)).toEqual(["lost-chunks"]);
  const text = bodyOf(document.marker, { version: 2, put: 6 }, 0);
  const wrong = contents.texts.map((point) => ({ ...point, payload: { text, generation: 1 } }));
  expect(kinds(world, { ...contents, texts: wrong }, document)).toEqual(["wrong-text", "wrong-text"]);
  const alone = [...contents.texts, { id: "p9", payload: { text, generation: 1 } }];
  expect(kinds(world, { ...contents, texts: alone }, document)).toEqual(["orphan-text"]);
});
