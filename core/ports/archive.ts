import type { ArchivedDocument } from "../archive/archived-document.ts";

/** A disabled principal of a tenant. */
export interface DisabledPrincipal {
  readonly tenant: string;
  readonly principal: string;
}

/** What a ledger can do for backups and moves, beside its everyday work. Any failure is an AppError `ledger-unavailable`. */
export interface LedgerArchive {
  /** Every tenant that has a document or a tombstone, in code-unit order. */
  tenants(): Promise<readonly string[]>;
  /** Every disabled principal of every tenant. */
  disabledPrincipals(): Promise<readonly DisabledPrincipal[]>;
  /**
   * Puts a document in as it was: same version, generation, access and revision; not searchable until it is indexed. A document that is
   * here already exactly so, indexed or not, is `present`, so that an interrupted import may be repeated.
   * @throws AppError `version-conflict` when another state of it is here: nothing is ever overwritten
   */
  restore(document: ArchivedDocument): Promise<"restored" | "present">;
}
