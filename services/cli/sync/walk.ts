import { constants, type Dirent } from "node:fs";
import { lstat, open, readdir, realpath, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import type { ContentType } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { checkDocumentId } from "#services/http/document-id.ts";
import { UsageError } from "../terminal.ts";
import { isFolderFileName } from "./folder-file-name.ts";
import type { Layer } from "./inherit.ts";
import { folderFileName, MetadataError, parseFolderFile } from "./metadata.ts";

/** A file that is a document by its name, and what the folders above it state. */
export interface FoundFile {
  /** The document's id: the path below the folder, with `/`, in NFC (macOS stores names in another form). */
  readonly id: string;
  readonly path: string;
  readonly contentType: ContentType;
  /** Outermost first. */
  readonly folders: readonly Layer[];
  /** Why the file must be refused, when a folder above it cannot be understood. */
  readonly refusal?: string;
}

/** A file that is not sent, and why. */
export interface LeftOut {
  readonly id: string;
  readonly reason: string;
}

/** What a folder holds, each list in the order of the ids' code units. */
export interface Walk {
  readonly files: readonly FoundFile[];
  /** Other kinds of file and symbolic links: nothing is wrong with them. */
  readonly skipped: readonly LeftOut[];
  /** What cannot be sent although it should. A folder stands here under its own id, ending in a slash. */
  readonly refused: readonly LeftOut[];
}

const contentTypeOf: Readonly<Record<string, ContentType>> = {
  ".md": "text/markdown",
  ".markdown": "text/markdown",
  ".html": "text/html",
  ".htm": "text/html",
  ".txt": "text/plain",
};

/** How a folder is walked. */
export interface WalkOptions {
  /** The access lists of the folders above are left out on purpose. */
  readonly ignoreParents?: boolean;
}

interface Place {
  readonly path: string;
  /** `""` or an id that ends in a slash. */
  readonly prefix: string;
  readonly folders: readonly Layer[];
  readonly refusal?: string;
}

/**
 * Finds the documents below a folder. Names that begin with a dot are left out; symbolic links are listed and never followed, so that
 * nothing outside the folder, or under other access lists inside it, gets in.
 * @throws UsageError when the folder is not there, or when a folder above it holds an access list: it would not count, and its denies and
 * labels would be lost. `ignoreParents` says that this is meant.
 */
export async function walk(folder: string, { ignoreParents = false }: WalkOptions = {}): Promise<Walk> {
  const root = await realpath(folder).catch(() => undefined);
  if (root === undefined || !(await stat(root)).isDirectory()) throw new UsageError(`"${folder}" is not a folder`);
  const above = ignoreParents ? undefined : await folderFileAbove(root);
  if (above !== undefined) {
    throw new UsageError(
      `${above} stands above "${folder}" and would not count: sync its own folder, or say --ignore-parents`,
    );
  }
  const files: FoundFile[] = [];
  const skipped: LeftOut[] = [];
  const refused: LeftOut[] = [];
  const places: Place[] = [{ path: root, prefix: "", folders: [] }];
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    try {
      await visit(place, { places, files, skipped, refused });
    } catch (error) {
      refused.push({ id: place.prefix, reason: `the folder cannot be read: ${messageOf(error)}` });
    }
  }
  const found = onePerId(files, refused);
  return { files: sorted(found), skipped: sorted(skipped), refused: sorted(refused) };
}

type Entry = Pick<Dirent, "name" | "isDirectory">;

interface Found {
  readonly places: Place[];
  readonly files: FoundFile[];
  readonly skipped: LeftOut[];
  readonly refused: LeftOut[];
}

async function visit(place: Place, found: Found): Promise<void> {
  const entries = await readdir(place.path, { withFileTypes: true });
  const here = await withFolderFile(place, entries);
  for (const entry of entries) {
    if (entry.name.startsWith(".") || isFolderFile(entry)) continue;
    const id = `${place.prefix}${entry.name.normalize("NFC")}`;
    const path = join(place.path, entry.name);
    const contentType = contentTypeOf[extname(entry.name).toLowerCase()];
    if (entry.isSymbolicLink()) {
      found.skipped.push({ id, reason: "a symbolic link, not followed" });
    } else if (entry.isDirectory()) {
      found.places.push({ ...here, path, prefix: `${id}/` });
    } else if (!entry.isFile()) {
      found.skipped.push({ id, reason: "not a regular file" });
    } else if (contentType === undefined) {
      found.skipped.push({ id, reason: `not one of ${Object.keys(contentTypeOf).join(" ")}` });
    } else {
      const { folders, refusal } = here;
      const reason = refusal ?? badId(id);
      found.files.push({ id, path, contentType, folders, ...(reason === undefined ? {} : { refusal: reason }) });
    }
  }
}

/** A folder may be called `reticent.yaml`; one with the exact name stands where the access list belongs, and cannot be read as one. */
const isFolderFile = (entry: Entry): boolean =>
  isFolderFileName(entry.name) && (!entry.isDirectory() || entry.name === folderFileName);

/** The nearest access list, or what nearly is one, in the folders above a folder. A folder that cannot be listed is asked for the exact name. */
async function folderFileAbove(folder: string): Promise<string | undefined> {
  for (let at = folder; dirname(at) !== at; ) {
    at = dirname(at);
    const entries: readonly Entry[] = await readdir(at, { withFileTypes: true }).catch(() => []);
    const exact = await lstat(join(at, folderFileName)).catch(() => undefined);
    const name = exact === undefined ? entries.find(isFolderFile)?.name : folderFileName;
    if (name !== undefined) return join(at, name);
  }
  return undefined;
}

async function withFolderFile(place: Place, entries: readonly Entry[]): Promise<Place> {
  const candidates = entries.filter(isFolderFile);
  const first = candidates[0];
  if (first === undefined) return place;
  const file = `${place.prefix}${folderFileName}`;
  const wrong = candidates.find(({ name }) => name !== folderFileName);
  if (wrong !== undefined) {
    return { ...place, refusal: `${place.prefix}${wrong.name}: the name must be exactly ${folderFileName}` };
  }
  try {
    const { text } = await readRegularFile(join(place.path, first.name), limits.policyBytes, "policyBytes");
    return { ...place, folders: [...place.folders, { file, statement: parseFolderFile(text) }] };
  } catch (error) {
    // Everything below is refused: without this file nobody knows who may read it.
    return { ...place, refusal: place.refusal ?? `${file}: ${messageOf(error)}` };
  }
}

/** The text of a file and the time of its last change. */
export interface FileText {
  readonly text: string;
  readonly modifiedAt: Date;
}

/**
 * Reads a UTF-8 file that is not a symbolic link; a byte order mark is dropped.
 * @throws MetadataError when it is none, larger than `maxBytes` (the limit's name is in the message), or not UTF-8
 */
export async function readRegularFile(path: string, maxBytes: number, limitName: string): Promise<FileText> {
  // Not followed even if the file became a link after the folder was listed.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch((error: unknown) => {
    throw new MetadataError(`cannot be read: ${messageOf(error)}`, { cause: error });
  });
  try {
    const { size, mtime } = await handle.stat();
    if (size > maxBytes) throw new MetadataError(`${limitName}: at most ${maxBytes} bytes, the file has ${size}`);
    const bytes = await handle.readFile();
    try {
      return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), modifiedAt: mtime };
    } catch (error) {
      throw new MetadataError("not UTF-8", { cause: error });
    }
  } finally {
    await handle.close();
  }
}

function badId(id: string): string | undefined {
  try {
    checkDocumentId(id);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}

/** Two names that differ only in Unicode form would be one document: neither is sent. */
function onePerId(files: readonly FoundFile[], refused: LeftOut[]): FoundFile[] {
  const byId = Map.groupBy(files, ({ id }) => id);
  const unique: FoundFile[] = [];
  for (const [id, same] of byId) {
    const [file, ...others] = same;
    if (file !== undefined && others.length === 0) unique.push(file);
    else refused.push({ id, reason: "two files have this name in different Unicode forms" });
  }
  return unique;
}

function sorted<T extends { readonly id: string }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)));
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
