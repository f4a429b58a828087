import { readFileSync } from "node:fs";
import type { z } from "zod";
import { UsageError } from "../terminal.ts";

/**
 * Reads JSON lines; empty lines count for nothing.
 * @throws UsageError naming file and line of what does not fit the schema
 */
export function readLines<T>(file: string, schema: z.ZodType<T>): T[] {
  return readText(file)
    .split("\n")
    .flatMap((line, at) => (line.trim() === "" ? [] : [parseJson(line, schema, `${file}:${at + 1}`)]));
}

/** Reads one JSON file. @throws UsageError naming it when it cannot be read or does not fit the schema */
export function readJson<T>(file: string, schema: z.ZodType<T>): T {
  return parseJson(readText(file), schema, file);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read ${file}`, { cause });
  }
}

function parseJson<T>(text: string, schema: z.ZodType<T>, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`${where}: not JSON`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${where}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "not in the layout"}`);
}
