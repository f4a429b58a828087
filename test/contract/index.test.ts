import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inPlace, inThread, type StartEngine } from "#adapters/index-sqlite/engine/link.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
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
