import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openQdrantIndex } from "#adapters/index-qdrant/qdrant-index.ts";
import { inPlace, inThread, type StartEngine } from "#adapters/index-sqlite/engine/link.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { placed } from "#test/kit/placed-index.ts";
import { dropCollections, freshPrefix, sayMissing, startQdrant } from "#test/kit/qdrant.ts";
import { imitateQdrant } from "#test/kit/qdrant-imitation.ts";
import { dimensions, fingerprint } from "./index/world.ts";
import { indexContract } from "./index-contract.ts";

const places: readonly [string, StartEngine][] = [
  ["its engine in a thread", inThread],
  ["its engine in place", inPlace],
];
for (const [place, engine] of places) {
  indexContract(`sqlite, ${place}`, async (live) => {
    const folder = mkdtempSync(join(tmpdir(), "reticent-index-"));
    const file = join(folder, "reticent.db");
    const model = { fingerprint, dimensions };
    let database = openDatabase(file);
    let index = await openSqliteIndex({ database, live, model, engine });
    return {
      index,
      async reopen() {
        await index.close();
        database.close();
        database = openDatabase(file);
        index = await openSqliteIndex({ database, live, model, engine });
        return index;
      },
      async destroy() {
        await index.close();
        database.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  });
}

for (const { name, url, stop } of await servers()) {
  indexContract(`qdrant, ${name}`, async (live) => {
    const prefix = freshPrefix();
    const open = () => openQdrantIndex({ url, prefix, model: { fingerprint, dimensions } });
    let index = await open();
    return {
      index: placed(index, () => live.entries()),
      async reopen() {
        await index.close();
        index = await open();
        return placed(index, () => []);
      },
      async destroy() {
        await index.close();
        if (stop !== undefined) await dropCollections(url, prefix);
      },
    };
  });
}

/** A stand-in always, and a real server where there is one. */
async function servers(): Promise<readonly { name: string; url: string; stop?: () => Promise<void> }[]> {
  const imitation = { name: "imitated", url: (await imitateQdrant()).url };
  const real = await startQdrant();
  if (real === undefined) sayMissing("VectorIndex contract on a real Qdrant");
  else afterAll(() => real.stop());
  return real === undefined ? [imitation] : [imitation, { name: "a real server", url: real.url, stop: real.stop }];
}
