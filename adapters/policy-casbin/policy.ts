import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "#core/errors.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { Policy, PolicyProblem, PolicySnapshot, PolicyStatus } from "#core/ports/policy.ts";
import { type FolderContent, readFolder, readStableFolder } from "./folder.ts";
import { loadPolicy, type PolicyCounts } from "./load.ts";
import { PolicyFolderError } from "./problem.ts";

/** What happened to the folder, for the log and a counter. */
export type PolicyEvent =
  | {
      readonly kind: "loaded";
      readonly revision: string;
      readonly trustRevision: string;
      readonly counts: PolicyCounts;
    }
  | {
      readonly kind: "rejected";
      /** ISO 8601: the first rejected edit since the revision in force. */
      readonly since: string;
      readonly problems: readonly PolicyProblem[];
    };

/** How long a folder may keep changing before that is a rejected edit, ms. */
const unstableMaxMs = 1_500;
/** Stands for the content of a folder that could not be read as a whole; no real hash is equal to it. */
const unstableHash = "unstable";

/** How a policy folder is watched. */
export interface OpenPolicyOptions {
  readonly dir: string;
  /** Interval at which the folder is looked at, ms. 0 = never by itself: {@link WatchedPolicy.poll} is called instead. */
  readonly pollMs: number;
  /** How long answers go on after an edit was rejected, ms. */
  readonly rejectedMaxAgeMs: number;
  readonly clock: Clock;
  /**
   * What the folder alone cannot know: the mistakes of a revision in this deployment. An edit with any is rejected, a start refused.
   * Asked once per revision.
   */
  readonly accept?: (snapshot: PolicySnapshot) => readonly PolicyProblem[];
  /** Names of the embedding models in use: trust.yaml must have an entry for each, now and after every edit. */
  readonly requiredModels?: readonly string[];
  /** Told after the fact; must not throw. */
  readonly onEvent?: (event: PolicyEvent) => void;
  /** How long a changed folder must stay the same before it is judged, ms; default 100. */
  readonly settleMs?: number;
  /** Stands in for that pause; tests change the folder in it. */
  readonly settle?: () => Promise<void>;
}

/** A policy that follows its folder. */
export interface WatchedPolicy extends Policy {
  /** Looks at the folder now and resolves when what it holds is in force or rejected. Never rejects. */
  poll(): Promise<void>;
}

/**
 * Opens a policy folder and follows its edits. An edit takes effect as a whole, after every check and test passed; a broken one
 * changes nothing and is told by `status()` and `onEvent`. A folder that disappears counts as a broken edit, and so does one whose tests
 * do.
 * @throws PolicyFolderError when the folder cannot be used at the start
 */
export async function openPolicy(options: OpenPolicyOptions): Promise<WatchedPolicy> {
  const {
    dir,
    pollMs,
    rejectedMaxAgeMs,
    clock,
    onEvent,
    accept = () => [],
    settleMs = 100,
    requiredModels = [],
  } = options;
  const now = (): string => new Date(clock()).toISOString();
  const settle =
    options.settle ??
    (async (): Promise<void> => {
      if (settleMs > 0) await sleep(settleMs);
    });

  const content = await readStableFolder(dir, async () => {}, 20);
  if (content === undefined) {
    throw new PolicyFolderError(dir, [{ file: ".", line: 0, code: "unstable", message: "the folder keeps changing" }]);
  }
  const start = await loadPolicy(content, { requiredModels });
  if (start.loaded === undefined) throw new PolicyFolderError(dir, start.problems);
  const unacceptable = accept(start.loaded.snapshot);
  if (unacceptable.length > 0) throw new PolicyFolderError(dir, unacceptable);

  let snapshot: PolicySnapshot = start.loaded.snapshot;
  let loadedAt = now();
  let loadedHash = content.hash;
  let rejected: { readonly since: number; readonly hash: string; readonly problems: readonly PolicyProblem[] } | null =
    null;
  let counts: PolicyCounts = start.counts;
  const tellLoaded = (): void =>
    onEvent?.({ kind: "loaded", revision: snapshot.revision, trustRevision: snapshot.trustRevision, counts });
  tellLoaded();

  const reject = (hash: string, problems: readonly PolicyProblem[]): void => {
    // The first broken edit may have been meant to revoke: a second one does not start the time again.
    rejected = { since: rejected?.since ?? clock(), hash, problems };
    onEvent?.({ kind: "rejected", since: new Date(rejected.since).toISOString(), problems });
  };

  let unstableSince: number | null = null;
  const look = async (): Promise<void> => {
    let found: FolderContent | undefined = await readFolder(dir);
    if (found.hash === rejected?.hash) return;
    if (found.hash !== loadedHash) found = await readStableFolder(dir, settle);
    if (found === undefined) {
      // Still being written: the next look sees more. A folder that never rests would hide an edit that revokes.
      unstableSince ??= clock();
      if (clock() - unstableSince >= unstableMaxMs && rejected?.hash !== unstableHash) {
        reject(unstableHash, [{ file: ".", line: 0, code: "unstable", message: "the folder keeps changing" }]);
      }
      return;
    }
    unstableSince = null;
    if (found.hash === rejected?.hash) return;
    if (found.hash === loadedHash) {
      if (rejected !== null) {
        rejected = null;
        tellLoaded();
      }
      return;
    }
    const next = await loadPolicy(found, { requiredModels });
    const problems = next.loaded === undefined ? next.problems : accept(next.loaded.snapshot);
    if (next.loaded === undefined || problems.length > 0) {
      reject(found.hash, problems);
      return;
    }
    // A folder that lost its tests would pass whatever it says: more likely a slip than a decision, and a restart can decide it.
    if (next.counts.tests === 0 && counts.tests > 0) {
      const message = `the revision in force has ${counts.tests} tests, this one none; put them back, or restart without them`;
      reject(found.hash, [{ file: "tests", line: 0, code: "tests-missing", message }]);
      return;
    }
    snapshot = next.loaded.snapshot;
    counts = next.counts;
    loadedHash = found.hash;
    loadedAt = now();
    rejected = null;
    tellLoaded();
  };

  // One look at a time, in order; an unforeseen failure is a rejected edit, never a dead watcher.
  let last: Promise<void> = Promise.resolve();
  const poll = (): Promise<void> => {
    last = last.then(look).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : "unknown error";
      reject("", [{ file: ".", line: 0, code: "not-loadable", message }]);
    });
    return last;
  };

  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const schedule = (): void => {
    if (closed || pollMs <= 0) return;
    timer = setTimeout(() => void poll().then(schedule), pollMs);
    timer.unref();
  };
  schedule();

  return {
    current: () => {
      if (rejected !== null && !(clock() - rejected.since <= rejectedMaxAgeMs)) {
        throw new AppError("policy-unavailable", { detail: "A rejected edit of the policy has waited too long" });
      }
      return snapshot;
    },
    lastGood: () => snapshot,
    status: (): PolicyStatus => ({
      revision: snapshot.revision,
      trustRevision: snapshot.trustRevision,
      loadedAt,
      tests: counts.tests,
      ...(rejected === null
        ? {}
        : { rejected: { since: new Date(rejected.since).toISOString(), problems: rejected.problems } }),
    }),
    poll,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await last;
    },
  };
}
