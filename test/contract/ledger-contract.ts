import { ledgerCommands } from "./ledger/commands.ts";
import { ledgerCopies } from "./ledger/copies.ts";
import { ledgerFingerprints } from "./ledger/fingerprints.ts";
import { ledgerIndexing } from "./ledger/indexing.ts";
import { ledgerLists } from "./ledger/lists.ts";
import type { OpenLedger } from "./ledger/support.ts";

export type { OpenLedger } from "./ledger/support.ts";

/** The promises of the Ledger port. */
export function ledgerContract(name: string, open: OpenLedger): void {
  ledgerCommands(name, open);
  ledgerIndexing(name, open);
  ledgerLists(name, open);
  ledgerFingerprints(name, open);
  ledgerCopies(name, open);
}
