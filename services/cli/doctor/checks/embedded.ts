import { accessSync, constants, existsSync, type Stats, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { lookIntoLedger } from "#adapters/ledger-sqlite/look.ts";
import { UnusableFile, unusableFile } from "#adapters/sqlite/file-error.ts";
import { isDirectoryInUse } from "#adapters/sqlite/lock.ts";
import { lookInto } from "#adapters/sqlite/look.ts";
import { traceFileVersion } from "#adapters/trace-sqlite/schema.ts";
import { databaseFile, ledgerAdvice, ledgerFileOf, traceFile } from "#services/ports/data-directory.ts";
import { type Context, emptyLedger, type LedgerFacts, type ModelsInUse, many } from "../context.ts";
import { type Found, failed, type Handle, ok, skipped, warning } from "../examination.ts";
import { reasonOf } from "../reason.ts";

const mebi = 1024 * 1024;
/** Below the first, the next documents may not be accepted any more; below the second, there is time to make room. */
const [leastFree, littleFree] = [100 * mebi, 1024 * mebi];

/** `data-directory` and `disk-space`. @returns the directory, if it is there */
export function checkDataDirectory({ examination, config: { dataDir } }: Context): Handle<string> {
  const directory = examination.check<string>({
    name: "data-directory",
    advice: "look at RETICENT_DATA, and at who may use the directory",
    look: () => lookAtDirectory(dataDir),
  });
  examination.check({
    name: "disk-space",
    needs: [directory],
    advice: "look at the disk of the data directory",
    look: async (dir) => {
      const { bavail, bsize, blocks } = await statfs(dir);
      const free = bavail * bsize;
      const told = `${size(free)} of ${size(blocks * bsize)} free`;
      const advice = "make room: a full disk accepts no document and no revoke";
      if (free < leastFree) return failed(told, advice);
      return free < littleFree ? warning(told, advice) : ok(told);
    },
  });
  return directory;
}

function lookAtDirectory(dir: string): Found<string> {
  const found = statSync(dir, { throwIfNoEntry: false });
  if (found === undefined) {
    const parent = nearest(dir);
    if (!isUsable(parent))
      return failed(`${dir} does not exist and cannot be made in ${parent}`, "look at RETICENT_DATA");
    return warning(
      `${dir} does not exist; the first start makes it`,
      "if documents were kept before, RETICENT_DATA names another place than it did",
    );
  }
  if (!found.isDirectory()) return failed(`${dir} is not a directory`, "look at RETICENT_DATA");
  if (!isUsable(dir)) return failed(`${dir}: this user may not read and write there`, "run the service as its owner");
  let isInUse: boolean;
  try {
    isInUse = isDirectoryInUse(dir);
  } catch (error) {
    const { message } = unusableFile(`${dir}/lock.db`, "remove it, nothing is kept in it", error);
    return failed(message, "remove the file while no service runs", dir);
  }
  const used = isInUse ? "a service runs on it" : "no service runs on it";
  if (isOpenToOthers(found)) {
    return warning(`${dir}: others than its owner may look into it; ${used}`, "the next start makes it private", dir);
  }
  return ok(`${dir}: private to its owner; ${used}`, dir);
}

const isOpenToOthers = ({ mode }: Stats): boolean => process.platform !== "win32" && (mode & 0o077) !== 0;

function nearest(dir: string): string {
  const parent = dirname(dir);
  return existsSync(parent) || parent === dir ? parent : nearest(parent);
}

function isUsable(dir: string): boolean {
  try {
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    return statSync(dir).isDirectory();
  } catch {
    return false;
  }
}

/** `ledger-file`. @returns what lies in the ledger */
export function checkLedgerFile(
  { examination }: Context,
  directory: Handle<string>,
  models: Handle<ModelsInUse>,
): Handle<LedgerFacts> {
  // Whatever becomes of the encoder, the file is looked at.
  const wanted = models.outcome.then(({ value }) =>
    value === undefined ? [] : [value.configured, value.previous].flatMap((model) => model?.fingerprint ?? []),
  );
  return examination.check<LedgerFacts, [Handle<string>]>({
    name: "ledger-file",
    needs: [directory],
    advice: ledgerAdvice,
    look: async (dir) => {
      const file = databaseFile(dir);
      try {
        ledgerFileOf(dir);
      } catch (error) {
        if (error instanceof UnusableFile) return failed(error.message, ledgerAdvice);
        throw error;
      }
      const found = statSync(file, { throwIfNoEntry: false });
      if (found === undefined) return ok(`${file}: made by the first start`, emptyLedger);
      try {
        const { otherVersions, lagging, probes, ...facts } = lookIntoLedger(file, await wanted);
        if (otherVersions.length > 0) {
          return failed(`${file}: ${otherVersions.join("; ")}`, "start the version of the program that wrote it");
        }
        const value = {
          ...facts,
          lagging: async (fingerprint: string) => lagging(fingerprint),
          probes: async (fingerprint: string) => probes(fingerprint),
        };
        return ok(`${file}: ${size(found.size)}, of this program's version`, value);
      } catch (error) {
        return ofFile(file, error, ledgerAdvice);
      }
    },
  });
}

/** `trace-file`. */
export function checkTraceFile({ examination }: Context, directory: Handle<string>): void {
  const advice = "move it away: only the traces so far are lost";
  examination.check({
    name: "trace-file",
    needs: [directory],
    advice,
    look: (dir) => {
      const file = traceFile(dir);
      const found = statSync(file, { throwIfNoEntry: false });
      if (found === undefined) return ok(`${file}: made by the first start`);
      try {
        const version = lookInto(file, (database) =>
          Number(database.prepare("PRAGMA user_version").get()?.user_version),
        );
        if (version <= traceFileVersion) return ok(`${file}: ${size(found.size)}, version ${version}`);
        const finding = `${file}: version ${version}, this program reads up to version ${traceFileVersion}`;
        return failed(finding, "start the version of the program that wrote it");
      } catch (error) {
        return ofFile(file, error, advice);
      }
    },
  });
}

/** SQLite's own words name no content. */
function ofFile<T>(file: string, error: unknown, advice: string): Found<T> {
  const isSqlite = error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
  if (error instanceof Error && error.name === "LogLeftBehind") return skipped(error.message);
  return failed(isSqlite ? `${file}: ${error.message}` : `${file}: ${reasonOf(error)}`, advice);
}

/** `documents`: how many, how many wait, how many failed. */
export function checkDocuments(
  { examination }: Context,
  ledger: Handle<LedgerFacts>,
  models: Handle<ModelsInUse>,
): void {
  examination.check({
    name: "documents",
    needs: [ledger, models],
    advice: "",
    look: async ({ documents, failed: broken, lagging }, { configured }) => {
      const waiting = await lagging(configured.fingerprint);
      const told = `${many(documents, "document")}, deleted ones included; ${waiting} to be indexed, ${broken} failed`;
      if (broken > 0) {
        return warning(
          told,
          "GET /v1/documents?state=failed gives each reason; send the documents again in another form",
        );
      }
      return waiting > 0 ? warning(told, "let the workers run; if it does not fall, look at their logs") : ok(told);
    },
  });
}

/** Bytes for a person. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** step;
  return `${step === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[step]}`;
}
