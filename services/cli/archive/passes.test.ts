import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { type AccessToken, nobody } from "#core/access/acl.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { grantTo, keyOf, putOf } from "#test/kit/documents.ts";
import { progressBar } from "../terminal.ts";
import { checkArchive, importFrom } from "./import.ts";
import { readManifest, readPartial } from "./manifest.ts";
import { type PartBounds, partBounds } from "./part.ts";
import { exportInto } from "./passes.ts";

// Over a ledger that others write to, as the one on Redis is: every write comes at a step that the test chooses.

type Source = Ledger & LedgerArchive;

let root: string;
const closers: (() => void)[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "reticent-passes-"));
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
  rmSync(root, { recursive: true, force: true });
});

async function emptyLedger(name: string): Promise<Source> {
  const database = openDatabase(join(root, `${name}.db`));
  closers.push(() => database.close());
  return openSqliteLedger({ database, clock: () => 1 });
}

/** The same ledger, with work before each page of records. */
function withWork(ledger: Source, beforePage: (page: number) => Promise<unknown>): Source {
  let page = 0;
  const list: Source["list"] = async (query) => {
    page += 1;
    await beforePage(page);
    return ledger.list(query);
  };
  return new Proxy(ledger, {
    get(target, name) {
      if (name === "list") return list;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const silent = progressBar({ write() {} }, "", 0);
const folderOf = (name: string): string => join(root, name);

function exported(
  ledger: Source,
  { bounds = partBounds, name = "archive" }: { readonly bounds?: PartBounds; readonly name?: string } = {},
) {
  const folder = folderOf(name);
  const started = readdirSync(root).includes(name) ? readPartial(folder) : undefined;
  return exportInto({
    folder,
    open: async () => ({ ledger, close: async () => {} }),
    ...(started === undefined ? {} : { started }),
    bar: () => silent,
    bounds,
  });
}

async function imported(name = "archive"): Promise<Source> {
  const manifest = readManifest(folderOf(name));
  checkArchive(folderOf(name), manifest, silent);
  const ledger = await emptyLedger(`of ${name}`);
  await importFrom(folderOf(name), manifest, ledger, silent);
  return ledger;
}

async function stateOf(ledger: Source) {
  const records = [];
  for (const tenant of await ledger.tenants()) {
    let after: { source: string; id: string } | undefined;
    for (;;) {
      const page = await ledger.list({
        tenant,
        state: "stored",
        fingerprint: "",
        limit: 1_000,
        ...(after && { after }),
      });
      records.push(...page);
      after = page.at(-1)?.key;
      if (after === undefined) break;
    }
  }
  return { records, disabled: await ledger.disabledPrincipals() };
}

const small: PartBounds = { bytes: partBounds.bytes, documents: 40 };
const id = (i: number): string => `page ${String(i).padStart(3, "0")}`;

async function filled(ledger: Source): Promise<void> {
  for (let i = 0; i < 250; i += 1) await ledger.putDocument(putOf(keyOf(id(i))));
  await ledger.putDocument(putOf(keyOf("a", "wiki", "marlow")));
}

describe("an export beside writes", () => {
  test("holds every write that came before its moment, wherever it was when the write came", async () => {
    const ledger = await emptyLedger("from");
    await filled(ledger);
    const writes: Readonly<Record<number, () => Promise<unknown>>> = {
      // While the last page of the first pass is read: all of these were archived already, in another state.
      3: async () => {
        await ledger.putAccess({ key: keyOf(id(0)), access: nobody });
        await ledger.deleteDocument({ key: keyOf(id(41)), version: 9 });
        await ledger.putDocument(putOf(keyOf(id(100)), { version: 2, body: "Second." }));
        for (const one of ["a", `${id(39)} and a half`, "z"]) await ledger.putDocument(putOf(keyOf(one)));
        await ledger.setDisabled("halden", "user:gone", true);
      },
      // In the second pass, behind what it has compared.
      6: async () => {
        await ledger.putAccess({ key: keyOf(id(1)), access: grantTo("user:erin") });
        await ledger.putDocument(putOf(keyOf("new", "wiki", "beryl")));
      },
    };
    const done = new Set<number>();
    const busy = withWork(ledger, async (page) => {
      done.add(page);
      await writes[page]?.();
    });
    const manifest = await exported(busy, { bounds: small });
    expect([3, 6].every((page) => done.has(page))).toBe(true);
    expect(await stateOf(await imported())).toEqual(await stateOf(ledger));
    expect(manifest.tenants).toEqual(["beryl", "halden", "marlow"]);
    expect(manifest.parts.every(({ documents }) => documents <= 40)).toBe(true);
  });

  test("that never end holds everything from before its last pass, and ends", async () => {
    const ledger = await emptyLedger("from");
    await filled(ledger);
    let version = 1;
    const busy = withWork(ledger, async () => {
      version += 1;
      await ledger.putDocument(putOf(keyOf(id(version % 250)), { version }));
      await ledger.putAccess({ key: keyOf(id((version + 7) % 250)), access: grantTo(`user:u${version}`) });
    });
    const moments: Awaited<ReturnType<typeof stateOf>>[] = [];
    await exportInto({
      folder: folderOf("archive"),
      open: async () => {
        moments.push(await stateOf(ledger));
        return { ledger: busy, close: async () => {} };
      },
      bar: () => silent,
      bounds: small,
    });
    expect(moments).toHaveLength(3);
    const held = new Map((await stateOf(await imported())).records.map((record) => [record.key.id, record]));
    for (const { key, lastGeneration, accessRevision } of moments.at(-1)?.records ?? []) {
      const record = held.get(key.id);
      expect(record?.lastGeneration).toBeGreaterThanOrEqual(lastGeneration);
      expect(record?.accessRevision).toBeGreaterThanOrEqual(accessRevision);
    }
  });

  test("takes copies of one moment as they are, and stops at the third", async () => {
    const ledger = await emptyLedger("from");
    await filled(ledger);
    let version = 1;
    const moments: string[] = [];
    const folder = folderOf("archive");
    await exportInto({
      folder,
      // Nobody writes while it is read, but before each.
      open: async () => {
        version += 1;
        await ledger.putDocument(putOf(keyOf(id(3)), { version }));
        moments.push(JSON.stringify(await stateOf(ledger)));
        return { ledger, close: async () => {} };
      },
      bar: () => silent,
      bounds: small,
    });
    expect(moments).toHaveLength(3);
    expect(JSON.stringify(await stateOf(await imported()))).toBe(moments[2]);
  });

  test("goes on after a failure at any page, with what changed since", async () => {
    for (const fatal of [2, 3, 5, 9]) {
      const ledger = await emptyLedger(`from ${fatal}`);
      await filled(ledger);
      const name = `archive ${fatal}`;
      const broken = withWork(ledger, async (page) => {
        if (page >= fatal) throw new Error("gone");
      });
      await expect(exported(broken, { bounds: small, name })).rejects.toThrow("gone");
      await ledger.putAccess({ key: keyOf(id(0)), access: nobody });
      await ledger.deleteDocument({ key: keyOf(id(50)), version: 9 });
      await ledger.putDocument(putOf(keyOf("a")));
      await exported(ledger, { bounds: small, name });
      expect(await stateOf(await imported(name))).toEqual(await stateOf(ledger));
    }
  });
});

describe("parts", () => {
  const tokens = (i: number): AccessToken[] =>
    Array.from({ length: 1_000 }, (_, at) => `group:${i} ${String(at).padStart(4, "0")} ${"é".repeat(240)}` as const);

  test("access lists count: what has small bodies and the longest lists is cut before the bound, and comes back", async () => {
    const ledger = await emptyLedger("from");
    for (let i = 0; i < 90; i += 1) await ledger.putDocument(putOf(keyOf(id(i)), { access: grantTo(...tokens(i)) }));
    const manifest = await exported(ledger);
    expect(manifest.parts.length).toBeGreaterThan(1);
    expect(manifest.totals).toMatchObject({ documents: 90, parts: manifest.parts.length });
    expect(await stateOf(await imported())).toEqual(await stateOf(ledger));
  });

  test("a document whose body is all escapes goes through", async () => {
    const ledger = await emptyLedger("from");
    const body = "\u0001".repeat(2 * 1024 * 1024);
    await ledger.putDocument(putOf(keyOf("a"), { body, access: grantTo(...tokens(1)) }));
    await exported(ledger);
    const to = await imported();
    expect((await to.readBody(keyOf("a"), 1)) === body).toBe(true);
  });

  test("a document that is larger than any accepted one ends the export and is named, as its line would end the import", async () => {
    const ledger = await emptyLedger("from");
    await ledger.putDocument(putOf(keyOf("huge"), { body: "a".repeat(17 * 1024 * 1024) }));
    await expect(exported(ledger)).rejects.toThrow(/halden wiki\/huge: \d+ bytes of JSON; an archive takes 16777216/);
  });

  test("a part larger than any export writes is refused before it is taken apart", async () => {
    const ledger = await emptyLedger("from");
    for (let i = 0; i < 40; i += 1) await ledger.putDocument(putOf(keyOf(id(i)), { body: "a".repeat(1024 * 1024) }));
    await exported(ledger, { bounds: { bytes: 2 * partBounds.bytes, documents: 100 } });
    const [file] = readdirSync(folderOf("archive")).filter((name) => name.startsWith("documents-"));
    expect(statSync(join(folderOf("archive"), file ?? "")).size).toBeLessThan(1024 * 1024);
    await expect(imported()).rejects.toThrow(/more than 33554432 bytes of text, which no export writes/);
  });
});
