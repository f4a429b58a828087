import { expect, test } from "vitest";
import type { DocumentRecord } from "#core/document.ts";
import { RecordMemo } from "./record-memo.ts";

const key = { tenant: "one", source: "open", id: "a" };
const row = {
  wanted: "w",
  access: "a",
  access_revision: 1,
  live: "l",
  last_generation: 1,
  tombstone: null,
  failure: null,
};
const fresh = (): DocumentRecord => ({
  key,
  access: { grants: [], denies: [], labels: [] },
  accessRevision: 1,
  live: {},
  lastGeneration: 1,
});

test("a row is read again as soon as any column of it is another one", () => {
  const changes = { wanted: null, access: "b", access_revision: 2, live: "m", last_generation: 2 };
  for (const change of Object.entries({ ...changes, tombstone: "t", failure: "f" })) {
    const memo = new RecordMemo();
    const first = memo.take(key, row, fresh);
    expect(memo.take(key, { ...row }, fresh)).toBe(first);
    const changed = memo.take(key, { ...row, ...Object.fromEntries([change]) }, fresh);
    expect(changed).not.toBe(first);
    // Going back is a change as well.
    expect(memo.take(key, row, fresh)).not.toBe(changed);
  }
});

test("documents of the same id, tenant by tenant and source by source, are never taken for each other", () => {
  const memo = new RecordMemo();
  const first = memo.take(key, row, fresh);
  for (const other of [
    { ...key, tenant: "two" },
    { ...key, source: "closed" },
    { ...key, id: "b" },
  ]) {
    expect(memo.take(other, row, fresh)).not.toBe(first);
  }
});

test("a row that cannot be read is not remembered", () => {
  const memo = new RecordMemo();
  const broken = (): DocumentRecord => {
    throw new Error("not a record");
  };
  expect(() => memo.take(key, row, broken)).toThrow("not a record");
  expect(() => memo.take(key, row, broken)).toThrow("not a record");
});
