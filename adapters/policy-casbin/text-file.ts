import { limits } from "#core/limits.ts";
import type { PolicyProblem } from "#core/ports/policy.ts";
import { reporter } from "./problem.ts";

/** A decoded file of the policy folder: valid UTF-8, NFC, line feeds only, no control or invisible characters. */
export interface TextFile {
  readonly file: string;
  readonly text: string;
  readonly lines: readonly string[];
}

// Format characters are invisible: a name with one of them looks like another name and matches nothing.
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029]/u;

/**
 * Decodes one file strictly. CRLF is read as a line feed (a checkout on Windows makes it); a byte order mark, a lone carriage
 * return, invalid UTF-8, text that is not NFC, and control or invisible characters are problems.
 */
export function decode(file: string, bytes: Uint8Array, problems: PolicyProblem[]): TextFile | undefined {
  const before = problems.length;
  const report = reporter(file, problems);
  if (bytes.byteLength > limits.policyBytes) {
    report(0, "file-too-large", `policyBytes: at most ${limits.policyBytes} bytes`);
    return undefined;
  }
  let raw: string;
  try {
    raw = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    report(0, "not-utf8", "the file is not valid UTF-8");
    return undefined;
  }
  if (raw.startsWith("\uFEFF")) report(1, "byte-order-mark", "save the file as UTF-8 without a byte order mark");
  const text = raw.replace(/^\uFEFF/u, "").replaceAll("\r\n", "\n");
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const found = invisible.exec(line.replaceAll("\t", " "));
    if (found !== null) {
      const code = found[0].codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0");
      report(index + 1, "control-character", `the line holds the control or invisible character U+${code}`);
    }
    if (line !== line.normalize("NFC")) {
      report(index + 1, "not-nfc", "the line is not in Unicode normal form C, so its names would match nothing");
    }
  }
  return problems.length === before ? { file, text, lines } : undefined;
}
