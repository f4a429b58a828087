import { expect, test } from "vitest";
import type { DocumentOperation } from "../model/document.ts";
import { World } from "../model/world.ts";
import { compareBodies, type StoredBody } from "./compare-bodies.ts";

const access = { acl: [], labels: [] };
const stored: StoredBody = { tenant: "one", source: "wiki", id: "page", generation: 2 };

function scene(...operations: readonly DocumentOperation[]): World {
  const world = new World(1);
  const document = world.add("one", "wiki", "page");
  for (const operation of operations) {
    const request = world.tick();
    document.history.begin(request, request, operation);
    const [answer] = document.history.expected(request);
    if (answer === undefined || !document.history.answered(world.tick(), request, answer)) throw new Error("no answer");
  }
  return world;
}

const put = (version: number): DocumentOperation => ({ kind: "put", content: { version, put: version }, access });
const kinds = (world: World, bodies: readonly StoredBody[]): string[] =>
  compareBodies(world, bodies).map(({ kind }) => kind);

test("the text of the wanted generation alone is not reported", () => {
  expect(kinds(scene(put(1), put(2)), [stored])).toEqual([]);
  expect(kinds(scene(put(1), { kind: "delete", version: 1 }), [])).toEqual([]);
});

test("a text that is lost, packed for another generation, left behind by a delete, or of nothing is reported", () => {
  expect(kinds(scene(put(1), put(2)), [])).toEqual(["lost-body"]);
  expect(kinds(scene(put(1), put(2)), [{ ...stored, generation: 1 }])).toEqual(["wrong-body"]);
  expect(kinds(scene(put(1), { kind: "delete", version: 1 }), [stored])).toEqual(["orphan-body"]);
  expect(kinds(scene(put(1), put(2)), [stored, { ...stored, id: "other" }])).toEqual(["orphan-body"]);
});
