import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { nobody } from "#core/access/acl.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { databaseFile } from "#services/ports/data-directory.ts";
import { grantTo, keyOf, putOf } from "#test/kit/documents.ts";
import { imitateQdrant } from "#test/kit/qdrant-imitation.ts";
import { describeRedis, startRedis } from "#test/kit/redis.ts";
import { capturedTerminal } from "#test/kit/terminal.ts";
import { run as exportRun } from "./export.ts";
import { run as importRun } from "./import.ts";
import { manifestFile, readManifest, writePartial } from "./manifest.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "reticent-archive-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const at = (name: string): string => join(root, name);

async function ledgerIn<T>(dir: string, work: (ledger: Ledger) => Promise<T>): Promise<T> {
  const database = openDatabase(databaseFile(at(dir)));
  try {
    return await work(await openSqliteLedger({ database, clock: () => 1 }));
  } finally {
    database.close();
  }
}

const command = (run: typeof exportRun, dir: string, ...args: string[]) =>
  commandIn(run, { RETICENT_DATA: at(dir) }, ...args);

async function commandIn(run: typeof exportRun, env: Readonly<Record<string, string>>, ...args: string[]) {
  const terminal = capturedTerminal(env);
  const code = await run([...args, "--json"], terminal);
  return {
    code,
    err: terminal.err(),
    told: terminal.out() === "" ? undefined : (JSON.parse(terminal.out()) as object),
  };
}

/** 1,203 documents of two tenants, with new versions, access changes, deletes and a disabled principal. */
async function filled(dir: string): Promise<void> {
  await importInto(dir);
  await ledgerIn(dir, async (ledger) => {
    for (let i = 0; i < 1_200; i++)
      await ledger.putDocument(putOf(keyOf(`page ${i}`), { body: `Text ${i}. Ünïcödé 🌧` }));
    for (const tenant of ["marlow", "aster"]) await ledger.putDocument(putOf(keyOf("a/b#c", "handbook", tenant)));
    await ledger.putDocument(putOf(keyOf("page 7"), { version: 2, body: "Second." }));
    await ledger.putAccess({ key: keyOf("page 8"), access: grantTo("user:erin") });
    await ledger.deleteDocument({ key: keyOf("page 9"), version: 4 });
    await ledger.setDisabled("halden", "user:gone", true);
  });
}

/** A data directory without documents. */
async function importInto(dir: string): Promise<void> {
  mkdirSync(at(dir), { mode: 0o700 });
  await ledgerIn(dir, async () => {});
}

async function everything(dir: string) {
  return ledgerIn(dir, async (ledger) => {
    const records = [];
    for (const tenant of ["aster", "halden", "marlow"]) {
      let after: { source: string; id: string } | undefined;
      for (;;) {
        const page = await ledger.list({
          tenant,
          state: "stored",
          fingerprint: "",
          limit: 500,
          ...(after === undefined ? {} : { after }),
        });
        for (const record of page) records.push([record, await ledger.readBody(record.key, record.lastGeneration)]);
        const last = page.at(-1)?.key;
        if (last === undefined || page.length < 500) break;
        after = { source: last.source, id: last.id };
      }
    }
    return { records, disabled: await ledger.disabledAmong("halden", ["user:gone", "user:erin"]) };
  });
}

test("what is exported and imported is the same in every record, body, tombstone and disabled principal", async () => {
  await filled("one");
  await importInto("two");
  expect(await command(exportRun, "one", at("archive"))).toMatchObject({
    code: 0,
    told: { outcome: "exported", tenants: 3, documents: 1_201, tombstones: 1, disabled: 1 },
  });
  expect(await command(importRun, "two", at("archive"))).toMatchObject({
    code: 0,
    told: { outcome: "imported", documents: 1_201, already_there: 0 },
  });
  expect(await everything("two")).toEqual(await everything("one"));
  // Given again, as after an interruption.
  expect(await command(importRun, "two", at("archive"))).toMatchObject({ code: 0, told: { already_there: 1_202 } });
  expect(await everything("two")).toEqual(await everything("one"));
});

test("an export that was interrupted and goes on holds what changed meanwhile, and nothing that was taken away", async () => {
  await filled("one");
  await importInto("two");
  await command(exportRun, "one", at("archive"));
  // As if it had ended after the parts of the first two tenants.
  const { createdAt, parts } = readManifest(at("archive"));
  rmSync(manifestFile(at("archive"), "whole"));
  writePartial(at("archive"), { createdAt, parts: parts.slice(0, 2) });
  writeFileSync(join(at("archive"), "documents-000009.jsonl.zst.draft"), "half");
  expect(await command(importRun, "two", at("archive"))).toMatchObject({
    code: 2,
    err: expect.stringContaining("not finished"),
  });
  await ledgerIn("one", async (ledger) => {
    // The one document of its part: as many as before.
    await ledger.putAccess({ key: keyOf("a/b#c", "handbook", "aster"), access: nobody });
    await ledger.putAccess({ key: keyOf("page 1"), access: nobody });
    await ledger.deleteDocument({ key: keyOf("page 2"), version: 5 });
    for (const id of ["a first", "page 5 and more", "zz last"]) await ledger.putDocument(putOf(keyOf(id)));
    await ledger.putDocument(putOf(keyOf("new", "wiki", "beryl")));
  });
  expect(await command(exportRun, "one", at("archive"))).toMatchObject({
    code: 0,
    told: { tenants: 4, documents: 1_204, tombstones: 2 },
  });
  expect(await command(importRun, "two", at("archive"))).toMatchObject({ code: 0 });
  expect(await everything("two")).toEqual(await everything("one"));
  // A whole one is not written over, and neither are parts without a manifest.
  expect(await command(exportRun, "one", at("archive"))).toMatchObject({ code: 2 });
  rmSync(manifestFile(at("archive"), "whole"));
  expect(await command(exportRun, "one", at("archive"))).toMatchObject({ code: 2 });
});

test("a part that was damaged before the export went on is written again", async () => {
  await filled("one");
  await importInto("two");
  await command(exportRun, "one", at("archive"));
  const { createdAt, parts } = readManifest(at("archive"));
  rmSync(manifestFile(at("archive"), "whole"));
  writePartial(at("archive"), { createdAt, parts });
  writeFileSync(join(at("archive"), parts[0]?.file ?? ""), "");
  rmSync(join(at("archive"), parts[1]?.file ?? ""));
  expect(await command(exportRun, "one", at("archive"))).toMatchObject({ code: 0, told: { documents: 1_201 } });
  expect(await command(importRun, "two", at("archive"))).toMatchObject({ code: 0 });
  expect(await everything("two")).toEqual(await everything("one"));
});

test("an archive that was changed is refused before the first document goes in", async () => {
  await filled("one");
  await importInto("two");
  await command(exportRun, "one", at("archive"));
  const part = join(at("archive"), "documents-000001.jsonl.zst");
  const bytes = readFileSync(part);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(part, bytes);
  for (const args of [[at("archive")], [at("archive"), "--check"]]) {
    expect(await command(importRun, "two", ...args)).toMatchObject({
      code: 1,
      err: expect.stringContaining("SHA-256"),
    });
  }
  rmSync(part);
  expect(await command(importRun, "two", at("archive"))).toMatchObject({ code: 1 });
  expect((await everything("two")).records).toEqual([]);
});

describe("a manifest that does not say what it said after the export is refused", () => {
  type Json = Record<string, unknown> & { parts: Record<string, unknown>[]; totals: Record<string, number> };
  const edits: readonly (readonly [string, (manifest: Json) => unknown])[] = [
    ["a part is missing", ({ parts }) => parts.pop()],
    ["a part is named twice", ({ parts }) => parts.push(parts[0] ?? {})],
    ["parts are in another order", ({ parts }) => parts.push(...parts.splice(0, 1))],
    ["nobody is disabled", (manifest) => Object.assign(manifest, { disabled: [] })],
    ["somebody else is disabled", (m) => Object.assign(m, { disabled: [{ tenant: "halden", principal: "user:x" }] })],
    ["there are no tenants", (manifest) => Object.assign(manifest, { tenants: [] })],
    ["the moment is another", (manifest) => Object.assign(manifest, { asOf: "2020-01-01T00:00:00.000Z" })],
    ["a total is another", ({ totals }) => Object.assign(totals, { documents: 1 })],
    [
      "a part is missing, and taken from the totals",
      ({ parts, totals }) => {
        const gone = parts.pop();
        for (const name of ["documents", "tombstones", "bodyBytes"])
          totals[name] = (totals[name] ?? 0) - Number(gone?.[name]);
        totals.documents = (totals.documents ?? 0) + Number(gone?.tombstones);
        totals.parts = parts.length;
      },
    ],
    ["it is of the version before", (manifest) => Object.assign(manifest, { version: 1 })],
  ];
  test.for(edits)("%s", async ([, edit]) => {
    await filled("one");
    await importInto("two");
    await command(exportRun, "one", at("archive"));
    const path = manifestFile(at("archive"), "whole");
    const manifest = JSON.parse(readFileSync(path, "utf8")) as Json;
    // Another layout is not another content.
    writeFileSync(path, JSON.stringify(manifest));
    expect(await command(importRun, "two", at("archive"), "--check")).toMatchObject({ code: 0 });
    edit(manifest);
    writeFileSync(path, JSON.stringify(manifest, null, 2));
    for (const args of [[at("archive")], [at("archive"), "--check"]]) {
      const refused = await command(importRun, "two", ...args);
      expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/^reticent import: [^\n]+\n$/) });
    }
    expect(await everything("two")).toEqual({ records: [], disabled: [] });
  });

  test("a part that it does not name lies beside it", async () => {
    await filled("one");
    await command(exportRun, "one", at("archive"));
    copyFileSync(join(at("archive"), "documents-000001.jsonl.zst"), join(at("archive"), "documents-000008.jsonl.zst"));
    expect(await command(importRun, "one", at("archive"), "--check")).toMatchObject({
      code: 1,
      err: expect.stringContaining("does not name documents-000008.jsonl.zst"),
    });
  });
});

test("an import stops at a document that is there in another state, and names it", async () => {
  await filled("one");
  await importInto("two");
  await ledgerIn("two", (ledger) => ledger.putDocument(putOf(keyOf("page 3"), { version: 99 })));
  await command(exportRun, "one", at("archive"));
  expect(await command(importRun, "two", at("archive"))).toMatchObject({
    code: 1,
    err: expect.stringContaining("halden wiki/page 3"),
  });
});

test("wrong usage has exit code 2 and changes nothing", async () => {
  await importInto("one");
  writeFileSync(join(root, "else"), "");
  for (const args of [[], [at("a"), at("b")], [at("a"), "--wrong"], [root]]) {
    expect((await command(exportRun, "one", ...args)).code).toBe(2);
  }
  expect((await command(exportRun, "nowhere", at("a"))).code).toBe(2);
  for (const args of [[], [at("nothing")]]) expect((await command(importRun, "one", ...args)).code).toBe(2);
  expect(readdirSync(root).toSorted()).toEqual(["else", "one"]);
});

describeRedis("archive on Redis", () => {
  test("a deployment moves to a ledger on Redis and back, and is the same again", async () => {
    const [redis, qdrant] = [await startRedis(), await imitateQdrant()];
    try {
      await filled("one");
      await importInto("back");
      const shared = {
        RETICENT_LEDGER: "redis",
        RETICENT_REDIS_URL: redis?.url ?? "",
        RETICENT_LEDGER_DURABILITY: redis?.isOwn === true ? "always" : "relaxed",
        RETICENT_INDEX: "qdrant",
        RETICENT_QDRANT_URL: qdrant.url,
      };
      expect(await command(exportRun, "one", at("first"))).toMatchObject({ code: 0 });
      expect(await commandIn(importRun, shared, at("first"))).toMatchObject({ code: 0, told: { documents: 1_201 } });
      expect(await commandIn(importRun, shared, at("first"))).toMatchObject({ told: { already_there: 1_202 } });
      expect(await commandIn(exportRun, shared, at("second"))).toMatchObject({ code: 0, told: { tombstones: 1 } });
      expect(await command(importRun, "back", at("second"))).toMatchObject({ code: 0, told: { already_there: 0 } });
      expect(await everything("back")).toEqual(await everything("one"));
    } finally {
      await qdrant.close();
      await redis?.stop();
    }
  });
});
