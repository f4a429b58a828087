import type { DatabaseSync } from "node:sqlite";
import { transaction } from "./transaction.ts";

/**
 * Makes the tables of one component at its first use of a file. Components may share a file, so each has a version of its own.
 * @throws Error when the file was written by another version: better no start than a misread access list
 */
export function ensureSchema(database: DatabaseSync, component: string, version: number, sql: string): void {
  transaction(database, () => {
    database.exec("CREATE TABLE IF NOT EXISTS components (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT");
    const found = database.prepare("SELECT version FROM components WHERE name = ?").get(component)?.version;
    if (found === version) return;
    if (found !== undefined) {
      throw new Error(`the database holds version ${found} of "${component}", this program reads version ${version}`);
    }
    database.exec(sql);
    database.prepare("INSERT INTO components (name, version) VALUES (?, ?)").run(component, version);
  });
}
