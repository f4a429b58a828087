import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { hashParts } from "#core/ingest/hash.ts";
import { limits } from "#core/limits.ts";
import type { PolicyProblem } from "#core/ports/policy.ts";
import { reporter } from "./problem.ts";

/** The files that make a policy folder, beside `tests/*.yaml` and `calibration/*.json`. */
export const policyFiles = ["model.conf", "policy.csv", "labels.yaml", "trust.yaml"] as const;
export type PolicyFile = (typeof policyFiles)[number];

/** A policy folder as it was read: bytes by path relative to the folder, with `/`. */
export interface FolderContent {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What kept the folder from being read as a whole. */
  readonly problems: readonly PolicyProblem[];
  /** Changes whenever a file or a problem does. */
  readonly hash: string;
}

const isHidden = (name: string): boolean => name.startsWith(".") || name.endsWith("~");

/**
 * Reads a policy folder, within the bounds on the size and number of its files. Never throws: what cannot be read is a problem.
 * A file that looks like policy but is none (`policy2.csv`, `tests/x.yml`) is a problem too: nobody would notice that it is
 * not in force. Hidden files and editors' backups are ignored.
 */
export async function readFolder(dir: string): Promise<FolderContent> {
  const files = new Map<string, Uint8Array>();
  const problems: PolicyProblem[] = [];
  const names = await list(dir, ".", problems);
  if (names !== undefined) {
    for (const name of policyFiles) {
      if (!names.includes(name)) reporter(name, problems)(0, "missing-file", `the folder has no ${name}`);
      else await readInto(files, dir, name, problems);
    }
    for (const name of names) {
      const known: readonly string[] = policyFiles;
      if (/\.(?:csv|conf|ya?ml)$/iu.test(name) && !known.includes(name)) {
        const read = `${policyFiles.join(", ")}, tests/*.yaml and calibration/*.json`;
        reporter(name, problems)(0, "unknown-file", `only ${read} are read`);
      }
    }
    for (const folder of folders) if (names.includes(folder.name)) await readAll(files, dir, folder, problems);
  }
  const hash = hashParts([
    ...[...files].flatMap(([name, bytes]) => [name, Buffer.from(bytes).toString("latin1")]),
    ...problems.flatMap(({ file, code, message }) => [file, code, message]),
  ]);
  return { files, problems, hash };
}

/** The folders inside a policy folder, what their files end in, and how many there may be. */
const folders = [
  { name: "tests", ending: ".yaml", limit: "policyTestFiles", code: "too-many-tests" },
  { name: "calibration", ending: ".json", limit: "calibrationFiles", code: "too-many-calibrations" },
] as const;

async function readAll(
  files: Map<string, Uint8Array>,
  dir: string,
  { name: folder, ending, limit, code }: (typeof folders)[number],
  problems: PolicyProblem[],
): Promise<void> {
  const names = (await list(join(dir, folder), folder, problems)) ?? [];
  if (names.length > limits[limit]) {
    reporter(folder, problems)(0, code, `${limit}: at most ${limits[limit]} files`);
    return;
  }
  for (const name of names) {
    const file = `${folder}/${name}`;
    if (name.endsWith(ending)) await readInto(files, dir, file, problems);
    else reporter(file, problems)(0, "unknown-file", `a file of ${folder}/ ends in ${ending}`);
  }
}

async function list(path: string, file: string, problems: PolicyProblem[]): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(path)).filter((name) => !isHidden(name)).toSorted();
  } catch (error) {
    reporter(file, problems)(0, "unreadable", `the folder cannot be read: ${codeOf(error)}`);
    return undefined;
  }
}

async function readInto(
  files: Map<string, Uint8Array>,
  dir: string,
  file: string,
  problems: PolicyProblem[],
): Promise<void> {
  const report = reporter(file, problems);
  try {
    const found = await stat(join(dir, file));
    if (!found.isFile()) report(0, "unreadable", "this is not a file");
    else if (found.size > limits.policyBytes) {
      report(0, "file-too-large", `policyBytes: at most ${limits.policyBytes} bytes, this has ${found.size}`);
    } else files.set(file, await readFile(join(dir, file)));
  } catch (error) {
    report(0, "unreadable", `the file cannot be read: ${codeOf(error)}`);
  }
}

/** The system's own code, such as ENOENT: its message would carry the path of the machine. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}

/** Reads a folder until two readings in a row are equal, at most `attempts` times, so that no half-written file counts. */
export async function readStableFolder(
  dir: string,
  settle: () => Promise<void>,
  attempts = 5,
): Promise<FolderContent | undefined> {
  let last = await readFolder(dir);
  for (let attempt = 1; attempt < attempts; attempt += 1) {
    await settle();
    const next = await readFolder(dir);
    if (next.hash === last.hash) return next;
    last = next;
  }
  return undefined;
}
