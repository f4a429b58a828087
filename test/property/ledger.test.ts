import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { LiveColumns } from "#adapters/ledger-sqlite/live-columns.ts";
import { recordOf } from "#adapters/ledger-sqlite/rows.ts";
import { prepareStatements } from "#adapters/ledger-sqlite/statements.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { LiveDocuments } from "#core/ports/live-documents.ts";
import { isReadableNow } from "#core/retrieval/recheck.ts";
import { keyOf, plainTrust, searchOf } from "#test/kit/documents.ts";
import { LedgerModel } from "./ledger-model.ts";
import { type Comparison, compareRecords, filters, fingerprint, ids, step, take } from "./ledger-steps.ts";

/** Memory against a rebuild from the rows, against the re-check, and against the model. */
async function compareMemory(
  ledger: Ledger & { live: LiveDocuments },
  model: LedgerModel,
  database: DatabaseSync,
): Promise<Comparison> {
  const rebuilt = new LiveColumns();
  for (const row of prepareStatements(database).searchable.iterate()) rebuilt.apply(recordOf(row));
  const records = await ledger.read(ids.map((one) => keyOf(one)));
  const said: unknown[] = [];
  const promised: unknown[] = [];
  for (const visibility of filters) {
    for (const eligible of [null, { trust: plainTrust, now: 0 }]) {
      const filter = searchOf(visibility, { eligible });
      said.push(ledger.live.select(fingerprint, filter));
      promised.push(rebuilt.select(fingerprint, filter));
    }
    const selected = ledger.live.select(fingerprint, searchOf(visibility)).map(({ key }) => key.id);
    const readable = records.filter((record) => record !== undefined && isReadableNow(record, visibility, fingerprint));
    said.push(
      selected,
      ids.map((one) => selected.includes(one)),
    );
    promised.push(
      readable.map((record) => record?.key.id),
      ids.map((one) => model.opens(keyOf(one), visibility) ?? selected.includes(one)),
    );
  }
  return { said, promised };
}

test("whatever is commanded, in whatever order, with restarts in between: rows, memory and re-check say what the promises say", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40, size: "max" }), async (steps) => {
      const folder = mkdtempSync(join(tmpdir(), "reticent-model-"));
      const file = join(folder, "ledger.db");
      let now = 1_000;
      const open = async () => {
        const opened = openDatabase(file);
        // Durability is tested elsewhere; here it would only cost time.
        opened.exec("PRAGMA synchronous = OFF");
        return { opened, ledger: await openSqliteLedger({ database: opened, clock: () => now }) };
      };
      let { opened, ledger } = await open();
      try {
        const model = new LedgerModel();
        for (const one of steps) {
          now += 1_000;
          if (one.kind === "reopen") {
            opened.close();
            ({ opened, ledger } = await open());
          }
          for (const comparison of [
            await take(ledger, model, now, one),
            await compareRecords(ledger, model),
            await compareMemory(ledger, model, opened),
          ]) {
            expect(comparison.said).toEqual(comparison.promised);
          }
        }
      } finally {
        opened.close();
        rmSync(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: 100 },
  );
});
