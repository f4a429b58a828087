import { expect, test } from "vitest";
import { accessOf } from "#core/access/acl.ts";
import { accessHash } from "#core/ingest/hash.ts";
import type { DocumentStatus } from "../actors/write.ts";
import type { DocumentOperation } from "../model/document.ts";
import { World } from "../model/world.ts";
import { compareListing, compareRecords } from "./compare-records.ts";

const access = { acl: [{ access_type: "grant" as const, type: "group" as const, value: "a" }], labels: [] };

function scene() {
  const world = new World(1);
  const document = world.add("one", "wiki", "page");
  const apply = (operation: DocumentOperation): void => {
    const request = world.tick();
    document.history.begin(request, request, operation);
    const [answer] = document.history.expected(request);
    if (answer === undefined || !document.history.answered(world.tick(), request, answer)) throw new Error("no answer");
  };
  apply({ kind: "put", content: { version: 3, put: 1 }, access });
  return { world, document, apply };
}

const stored: DocumentStatus = {
  source: "wiki",
  id: "page",
  state: "searchable",
  version: 3,
  generation: 1,
  live_generation: 1,
  live_version: 3,
  live_chunks: 1,
  access_revision: 1,
  content_hash: "",
  access_hash: accessHash(accessOf(access.acl, access.labels)),
  failure: null,
  accepted_at: null,
  deleted_at: null,
};

const kinds = (world: World, ...statuses: readonly DocumentStatus[]): string[] =>
  compareRecords(
    world,
    statuses.map((status) => ({ tenant: "one", status })),
  ).violations.map(({ kind }) => kind);

test("what is stored as it has to be is not reported", () => {
  const { world } = scene();
  expect(kinds(world, stored)).toEqual([]);
});

test("a document that is lost, one that nobody sent, and one that is not live are reported", () => {
  const { world } = scene();
  expect(kinds(world)).toEqual(["lost-document"]);
  expect(kinds(world, stored, { ...stored, id: "other" })).toEqual(["unknown-document"]);
  expect(kinds(world, { ...stored, state: "indexing", live_generation: null, live_version: null })).toEqual([
    "not-live",
  ]);
  expect(kinds(world, { ...stored, state: "failed" })).toEqual(["not-live"]);
});

test("a write that was acknowledged and is not there is reported, be it content, access or a delete", () => {
  const { world, apply } = scene();
  expect(kinds(world, { ...stored, version: 2 })).toEqual(["wrong-record"]);
  apply({ kind: "access", access: { acl: [], labels: [] } });
  expect(kinds(world, stored)).toEqual(["wrong-record"]);
  apply({ kind: "delete", version: 3 });
  expect(kinds(world, { ...stored, access_revision: 2 })).toEqual(["wrong-record"]);
});

test("lists that show too much or too little are reported", () => {
  const { document } = scene();
  const compared = (mine: readonly (typeof document)[], listed: readonly (typeof document | undefined)[]): string[] =>
    compareListing("ada", "the filter", new Set(mine), new Set(listed)).map(({ kind }) => kind);
  expect(compared([document], [document])).toEqual([]);
  expect(compared([document], [])).toEqual(["not-listed"]);
  expect(compared([], [document])).toEqual(["listed-though-hidden"]);
  expect(compared([], [undefined])).toEqual(["unknown-document"]);
});
