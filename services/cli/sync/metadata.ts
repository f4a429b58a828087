import { parseDocument } from "yaml";
import { z } from "zod";
import { aclSchema, labelsSchema } from "#core/access/acl.ts";
import { limits } from "#core/limits.ts";
import { isOneLine, notOneLine } from "#core/one-line.ts";
import { qualityInputSchema } from "#core/trust/quality.ts";
import { looksLike } from "./looks-like.ts";

/** The file that states access and quality for a folder and everything below it. */
export const folderFileName = "_reticent.yaml";

const statementShape = {
  acl: aclSchema.optional(),
  labels: labelsSchema.optional(),
  quality: qualityInputSchema.optional(),
};

const folderSchema = z.strictObject(statementShape);
const frontMatterSchema = z.strictObject({
  ...statementShape,
  title: z.string().trim().min(1).max(limits.titleChars).refine(isOneLine, notOneLine).optional(),
  url: z.string().min(1).max(limits.urlChars).optional(),
});

/** What one file states about access and quality. An absent key states nothing. */
export type Statement = z.infer<typeof folderSchema>;
/** What a document's front matter states. */
export type FrontMatter = z.infer<typeof frontMatterSchema>;

/** Metadata that cannot be read or understood. The message names the key, not the file. */
export class MetadataError extends Error {
  override readonly name = "MetadataError";
}

/**
 * Reads a `_reticent.yaml`. An empty one states nothing.
 * @throws MetadataError for what is not YAML, an unknown key or an unacceptable value: a misspelt `deny` must not be lost.
 */
export function parseFolderFile(text: string): Statement {
  return check(folderSchema, parseYaml(text));
}

/** A document without its front matter, and the front matter's YAML. */
export interface SplitFile {
  readonly yaml: string | undefined;
  readonly body: string;
}

/**
 * Cuts the front matter off: YAML between a first line `---` and the next line `---` or `...`.
 * @throws MetadataError when it is opened but never closed: a restriction in it would be read as text.
 */
export function splitFrontMatter(text: string): SplitFile {
  const opening = /^---[ \t]*(?:\r\n|\n|\r)/.exec(text)?.[0];
  if (opening === undefined) return { yaml: undefined, body: text };
  const closing = /^(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|$)/gm;
  closing.lastIndex = opening.length;
  const end = closing.exec(text);
  if (end === null) throw new MetadataError("front matter is opened by --- in the first line but never closed");
  return { yaml: text.slice(opening.length, end.index), body: text.slice(end.index + end[0].length) };
}

/**
 * Reads front matter. Keys that other programs put there (`date`, `tags`, …) are left alone; one that looks like a misspelt or
 * misplaced key of ours is refused, because ignoring it could open the document.
 * @throws MetadataError
 */
export function parseFrontMatter(yaml: string): FrontMatter {
  const raw = parseYaml(yaml);
  const known = Object.keys(frontMatterSchema.shape);
  const ours: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (known.includes(key)) {
      ours[key] = value;
      continue;
    }
    if (Object.hasOwn(qualityInputSchema.shape, key)) throw new MetadataError(`${key} belongs under quality`);
    const meant = known.find((name) => looksLike(key.toLowerCase(), name));
    if (meant !== undefined) throw new MetadataError(`unknown key ${key}; ${meant} is meant?`);
  }
  return check(frontMatterSchema, ours);
}

function parseYaml(text: string): Record<string, unknown> {
  if (Buffer.byteLength(text) > limits.policyBytes) {
    throw new MetadataError(`larger than policyBytes, at most ${limits.policyBytes} bytes`);
  }
  const document = parseDocument(text, { version: "1.2", strict: true, uniqueKeys: true });
  const problem = [...document.errors, ...document.warnings][0];
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line;
    throw new MetadataError(
      `not YAML${line === undefined ? "" : ` (line ${line})`}: ${problem.message.split("\n")[0]}`,
    );
  }
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: 0 }) ?? {};
  } catch {
    throw new MetadataError("anchors and aliases are not used here");
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw new MetadataError("not a mapping of keys");
  return Object.fromEntries(Object.entries(raw));
}

function check<T>(schema: z.ZodType<T>, raw: unknown): T {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new MetadataError(issueText(parsed.error));
}

/** The first complaint of a schema in one line that names the key. */
export function issueText(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "not acceptable";
  const at = (path: readonly PropertyKey[]) => path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return `unknown key ${issue.keys.map((key) => at([...issue.path, key])).join(", ")}`;
  }
  return issue.path.length === 0 ? issue.message : `${at(issue.path)}: ${issue.message}`;
}
