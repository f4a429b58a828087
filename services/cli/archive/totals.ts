import type { Output } from "../terminal.ts";
import type { Manifest } from "./manifest.ts";

/** What an archive holds. */
export interface Totals {
  readonly tenants: number;
  /** Tombstones not among them. */
  readonly documents: number;
  readonly tombstones: number;
  readonly disabled: number;
  /** Bodies as UTF-8. */
  readonly bodyBytes: number;
  readonly parts: number;
}

/** Sums a manifest's lists up. */
export function totalsOf({ parts, tenants, disabled }: Pick<Manifest, "parts" | "tenants" | "disabled">): Totals {
  const sum = (key: "documents" | "tombstones" | "bodyBytes"): number =>
    parts.reduce((total, part) => total + part[key], 0);
  return {
    tenants: tenants.length,
    documents: sum("documents") - sum("tombstones"),
    tombstones: sum("tombstones"),
    disabled: disabled.length,
    bodyBytes: sum("bodyBytes"),
    parts: parts.length,
  };
}

/** One line for a person, or one JSON object. */
export function printTotals(
  output: Output,
  asJson: boolean,
  verb: "exported" | "imported",
  { totals, asOf }: Pick<Manifest, "totals" | "asOf">,
  folder: string,
  more: Readonly<Record<string, number>> = {},
): void {
  if (asJson) {
    output.write(`${JSON.stringify({ outcome: verb, folder, as_of: asOf, ...totals, ...more }, null, 2)}\n`);
    return;
  }
  const extra = Object.entries(more)
    .map(([name, value]) => `, ${value} ${name.replaceAll("_", " ")}`)
    .join("");
  output.write(
    `${verb} ${totals.documents} documents, ${totals.tombstones} tombstones and ${totals.disabled} disabled principals ` +
      `of ${totals.tenants} tenants as of ${asOf} (${totals.parts} parts, ${(totals.bodyBytes / 1e6).toFixed(1)} MB of text)${extra}\n`,
  );
}
