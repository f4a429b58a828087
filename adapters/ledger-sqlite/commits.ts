import type { DatabaseSync } from "node:sqlite";
import { transaction } from "#adapters/sqlite/transaction.ts";
import type { DocumentRecord } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import type { Clock } from "#core/ports/clock.ts";

/** What {@link Commits} work on. */
export interface CommitsParts {
  readonly database: DatabaseSync;
  readonly clock: Clock;
  /** Brings memory in line with a record that was committed. */
  readonly apply: (record: DocumentRecord) => void;
}

/** Every access to rows and memory of a ledger: one transaction at a time, with memory following in the same turn of the event loop. */
export class Commits {
  readonly #database: DatabaseSync;
  readonly #clock: Clock;
  readonly #apply: CommitsParts["apply"];
  /** Set for good once memory may differ from the rows, or the ledger was closed. */
  #unusable: AppError | undefined;

  constructor({ database, clock, apply }: CommitsParts) {
    this.#database = database;
    this.#clock = clock;
    this.#apply = apply;
  }

  /**
   * One transaction, and then its effect on memory.
   * @throws AppError what `work` throws, or `ledger-unavailable`
   */
  commit<T>(work: (now: number) => { readonly result: T; readonly changed?: readonly DocumentRecord[] }): T {
    const { result, changed } = this.read(() => transaction(this.#database, () => work(this.#clock())));
    try {
      for (const record of changed ?? []) this.#apply(record);
    } catch (error) {
      // The commit stands and memory does not show it: a search could now open what was just taken away.
      this.#unusable = unavailable(error);
      throw this.#unusable;
    }
    return result;
  }

  /** Access to rows or memory: refused while they may differ, and every failure of the store has one code. */
  read<T>(work: () => T): T {
    if (this.#unusable !== undefined) throw this.#unusable;
    try {
      // Left open by a rollback that failed: its rows were never committed.
      if (this.#database.isTransaction) throw new Error("an earlier transaction could not be ended");
      return work();
    } catch (error) {
      throw error instanceof AppError ? error : unavailable(error);
    }
  }

  /** Everything later is refused. */
  close(): void {
    this.#unusable ??= new AppError("ledger-unavailable", { detail: "the ledger is closed" });
  }
}

function unavailable(cause: unknown): AppError {
  return new AppError("ledger-unavailable", {}, { cause });
}
