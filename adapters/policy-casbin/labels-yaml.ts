import { z } from "zod";
import { labelPattern } from "#core/limits.ts";
import type { PolicyProblem } from "#core/ports/policy.ts";
import type { TextFile } from "./text-file.ts";
import { readYaml } from "./yaml-file.ts";

const labelsSchema = z.strictObject({
  labels: z.record(z.string().regex(labelPattern, "a label is lower case: letters, digits, . _ -"), z.string().min(1)),
});

/** Reads labels.yaml: the vocabulary of labels, each with a description for a reader. */
export function parseLabels(text: TextFile, problems: PolicyProblem[]): ReadonlySet<string> | undefined {
  const file = readYaml(text, labelsSchema, problems);
  return file === undefined ? undefined : new Set(Object.keys(file.value.labels));
}
