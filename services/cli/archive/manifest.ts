import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { compareKeys } from "#core/document.ts";
import { limits } from "#core/limits.ts";
import { CommandError } from "../terminal.ts";
import { reading, sha256Of, sha256Pattern, writeWhole } from "./files.ts";
import { type Part, partSchema } from "./part.ts";
import { type Totals, totalsOf } from "./totals.ts";

/**
 * An archive is a folder: parts of JSON lines, one archived document each, compressed with zstd, and a manifest that names every part. The
 * manifest of an export that is not finished has another name and says less.
 */
export const archiveFormat = "reticent-archive";
/** Changes with every change of what a part or a manifest holds. 1 had no hash over the manifest itself. */
export const archiveVersion = 2;

const head = {
  format: z.literal(archiveFormat),
  version: z.literal(archiveVersion),
  createdAt: z.iso.datetime(),
};
const parts = z.array(partSchema);
const count = z.int().nonnegative();
const contentSchema = z.strictObject({
  ...head,
  /** The moment that the archive shows, by the clock of the machine that exported. */
  asOf: z.iso.datetime(),
  /** In code-unit order. */
  tenants: z.array(z.string()),
  disabled: z.array(z.strictObject({ tenant: z.string(), principal: z.string().max(limits.principalChars + 8) })),
  /** In the order of their documents' keys. */
  parts,
  totals: z.strictObject({
    tenants: count,
    documents: count,
    tombstones: count,
    disabled: count,
    bodyBytes: count,
    parts: count,
  }),
});
const sha256 = z.string().regex(sha256Pattern);
const manifestSchema = contentSchema.extend({ sha256 });
const partialSchema = z.strictObject({ ...head, parts });

/** What stands beside the parts of a whole archive; `sha256` is of all the rest of it. */
export type Manifest = z.infer<typeof manifestSchema>;
/** What stands beside the parts of an export that is not finished. */
export type PartialManifest = z.infer<typeof partialSchema>;

/** The manifest of a whole archive, and of one that is not whole yet. */
const names = { whole: "manifest.json", partial: "manifest.partial.json" } as const;

/** Where the manifest of an archive lies. */
export function manifestFile(folder: string, state: keyof typeof names): string {
  return join(folder, names[state]);
}

/** Adds totals and hash, and writes the manifest of a whole archive. */
export function writeManifest(
  folder: string,
  content: Pick<Manifest, "createdAt" | "asOf" | "tenants" | "disabled" | "parts">,
): Manifest {
  const whole = { format: archiveFormat, version: archiveVersion, ...content, totals: totalsOf(content) } as const;
  const manifest: Manifest = { ...whole, sha256: sealOf(whole) };
  writeWhole(manifestFile(folder, "whole"), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Writes what is there so far. */
export function writePartial(folder: string, content: Pick<PartialManifest, "createdAt" | "parts">): void {
  const partial: PartialManifest = { format: archiveFormat, version: archiveVersion, ...content };
  writeWhole(manifestFile(folder, "partial"), `${JSON.stringify(partial, null, 2)}\n`);
}

/** @throws CommandError when it is not one of this version */
export function readPartial(folder: string): PartialManifest {
  return parsed(manifestFile(folder, "partial"), partialSchema);
}

/**
 * Reads the manifest of a whole archive, and holds it against itself and against the names in the folder. It finds what was lost or edited by
 * accident; whoever changes an archive on purpose can make the hash fit.
 * @throws CommandError
 */
export function readManifest(folder: string): Manifest {
  const path = manifestFile(folder, "whole");
  const manifest = parsed(path, manifestSchema);
  const problem = problemOf(manifest) ?? strayOf(folder, manifest.parts);
  if (problem !== undefined) throw new CommandError(`${path}: ${problem}`);
  return manifest;
}

/** Over the fields in the order of the schema, so that white space and the order in the file do not count. */
function sealOf(content: z.input<typeof contentSchema>): string {
  return sha256Of(JSON.stringify(contentSchema.parse(content)));
}

function problemOf({ sha256: seal, ...content }: Manifest): string | undefined {
  const seen = new Set<string>();
  let before: Part | undefined;
  for (const part of content.parts) {
    if (seen.has(part.file)) return `names ${part.file} twice`;
    if (before !== undefined && compareKeys(before.through, part.through) >= 0) return `${part.file} is out of order`;
    seen.add(part.file);
    before = part;
  }
  const totals = totalsOf(content);
  for (const name of Object.keys(totals) as (keyof Totals)[]) {
    if (totals[name] !== content.totals[name])
      return `has ${totals[name]} ${name} instead of ${content.totals[name]}: it was changed after the export`;
  }
  const tenants = [...new Set(content.parts.map(({ through }) => through.tenant))];
  if (JSON.stringify(tenants) !== JSON.stringify(content.tenants)) return "its tenants are not those of its parts";
  return sealOf(content) === seal ? undefined : "it was changed after the export (SHA-256 differs)";
}

/** Files that look like a part, finished or not, and are none of these. */
export function strayFiles(folder: string, named: readonly Part[]): readonly string[] {
  const files = new Set(named.map(({ file }) => file));
  return readdirSync(folder).filter((name) => name.startsWith("documents-") && !files.has(name));
}

function strayOf(folder: string, named: readonly Part[]): string | undefined {
  const [stray, ...more] = strayFiles(folder, named).toSorted();
  if (stray === undefined) return undefined;
  return `does not name ${stray}${more.length === 0 ? "" : ` and ${more.length} more`}, which lies beside it`;
}

function parsed<T>(path: string, schema: z.ZodType<T>): T {
  const value: unknown = reading(path, () => JSON.parse(readFileSync(path, "utf8")));
  const other = z.object({ format: head.format, version: z.int() }).safeParse(value);
  if (other.success && other.data.version !== archiveVersion)
    throw new CommandError(
      `${path}: an archive of version ${other.data.version}; this program reads version ${archiveVersion}: export again`,
    );
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new CommandError(
    `${path}: not a manifest of version ${archiveVersion} (${issue?.path.join(".")}: ${issue?.message})`,
  );
}
