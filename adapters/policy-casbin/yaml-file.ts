import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { z } from "zod";
import type { PolicyProblem } from "#core/ports/policy.ts";
import { reporter } from "./problem.ts";
import type { TextFile } from "./text-file.ts";

/** A validated YAML file and the lines that its parts stand on. */
export interface YamlFile<T> {
  readonly value: T;
  /** 1-based line of the deepest existing part of a path; a map entry stands where its key does. */
  lineOf(path: readonly PropertyKey[]): number;
}

/** Reads YAML strictly: YAML 1.2, one document, no duplicate keys, no anchors or tags, only what the schema knows. */
export function readYaml<T>(text: TextFile, schema: z.ZodType<T>, problems: PolicyProblem[]): YamlFile<T> | undefined {
  const report = reporter(text.file, problems);
  const lines = new LineCounter();
  const document = parseDocument(text.text, { version: "1.2", strict: true, uniqueKeys: true, lineCounter: lines });
  const lineOf = (path: readonly PropertyKey[]): number => {
    const offset = offsetOf(document.contents, path);
    return offset === undefined ? 1 : lines.linePos(offset).line;
  };
  for (const error of [...document.errors, ...document.warnings]) {
    const code = error.code === "DUPLICATE_KEY" ? "duplicate-key" : "yaml-syntax";
    report(error.linePos?.[0].line ?? 0, code, error.message.split("\n")[0] ?? "not YAML");
  }
  if (document.errors.length + document.warnings.length > 0) return undefined;
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: 0 });
  } catch {
    report(0, "yaml-syntax", "anchors and aliases are not used here");
    return undefined;
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return { value: parsed.data, lineOf };
  for (const issue of parsed.error.issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) report(lineOf([...issue.path, key]), "unknown-key", `unknown key ${key}`);
    } else {
      const where = issue.path.map(String).join(".");
      report(lineOf(issue.path), "invalid-value", where === "" ? issue.message : `${where}: ${issue.message}`);
    }
  }
  return undefined;
}

function offsetOf(root: unknown, path: readonly PropertyKey[]): number | undefined {
  let node: unknown = root;
  let offset = startOf(root);
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step));
      if (pair === undefined) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === "number") {
      node = node.items[step];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return offset;
}

const startOf = (node: unknown): number | undefined =>
  typeof node === "object" && node !== null && "range" in node ? (node as Node).range?.[0] : undefined;
