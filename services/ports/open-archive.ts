import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { ConfigError, type ServiceConfig } from "#services/config.ts";
import { Closers } from "./closers.ts";
import { takeDataDirectory } from "./data-directory.ts";
import { openEmbeddedStore } from "./embedded.ts";
import { openSharedStore } from "./shared.ts";
import { openSnapshot } from "./snapshot.ts";
import { namingServer } from "./unusable-server.ts";

/** A ledger that is exported from, or imported into. */
export interface OpenArchive {
  readonly ledger: Ledger & LedgerArchive;
  /** True for a copy as of one moment, which nobody writes to. */
  readonly isCopy: boolean;
  close(): Promise<void>;
}

type ArchiveConfig = Pick<ServiceConfig, "adapters" | "dataDir" | "redis">;

async function openShared(config: ArchiveConfig): Promise<OpenArchive> {
  if (config.redis === undefined) throw new ConfigError(["RETICENT_REDIS_URL: missing"]);
  const closers = new Closers();
  // What is wrong shows in the commands themselves.
  const { ledger } = await openSharedStore(config.redis, Date.now, closers, () => {}).catch((error: unknown) => {
    throw namingServer(error, config);
  });
  return { ledger, isCopy: false, close: () => closers.close() };
}

/**
 * Opens the ledger of a deployment to read all of it. The embedded one is copied first, as of one moment, so that a service may run on
 * it meanwhile.
 * @throws SnapshotError
 */
export async function openForExport(config: ArchiveConfig): Promise<OpenArchive> {
  if (config.adapters.ledger === "redis") return openShared(config);
  const { dataDir } = config;
  const { database, close } = await openSnapshot(dataDir);
  try {
    const ledger = await openSqliteLedger({ database, clock: Date.now });
    return {
      ledger,
      isCopy: true,
      close: async () => {
        await ledger.close();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Opens the ledger of a deployment to put documents in. Nobody else may use an embedded one meanwhile; on Redis, processes may run.
 * @throws DataDirectoryInUse, ConfigError, UnusableFile
 */
export async function openForImport(config: ArchiveConfig): Promise<OpenArchive> {
  if (config.adapters.ledger === "redis") return openShared(config);
  const { dataDir } = config;
  const closers = new Closers();
  try {
    const lock = takeDataDirectory(dataDir);
    closers.add(() => lock.release());
    const { ledger } = await openEmbeddedStore(dataDir, Date.now, closers);
    return { ledger, isCopy: false, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}
