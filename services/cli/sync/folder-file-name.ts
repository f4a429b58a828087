import { looksLike } from "./looks-like.ts";

/**
 * Whether a file's name says, or nearly says, that it is the folder's access list: another case (`_Reticent.yaml`), another ending
 * (`_reticent.yml`, `_reticent.yaml.txt`, `_reticent`), no underscore or another sign in its place (`reticent.yaml`,
 * `.reticent.yaml`, `-reticent.yaml`), one letter wrong (`_reticient.yaml`), a copy's number (`_reticent (1).yaml`). Under any name but the
 * exact one it must be refused: passed over, the documents below would inherit wider grants, and lose its denies and labels.
 * A document about Reticent (`reticent.md`) is none, nor are the files that editors and systems put beside a file (`._…`, `.#…`).
 */
export function isFolderFileName(name: string): boolean {
  const plain = name.normalize("NFKC").toLowerCase();
  if (/^_reticent(\.|$)/.test(plain)) return true;
  if (/^\.[^a-z]/.test(plain) || /\.(md|markdown|html?)$/.test(plain)) return false;
  // Letters and digits alone: what else there is, a keyboard, a download or another writing system has put in.
  const parts = /^(.+?)ya?ml(.*)$/.exec(plain.replaceAll(/[^a-z0-9]/g, ""));
  if (parts === null) return false;
  const [, stem = "", tail = ""] = parts;
  if (plain.startsWith(".") && tail !== "") return false;
  return looksLike(stem.replace(/(?:copy|backup|bak|old|new|\d+)+$/, ""), "reticent");
}
