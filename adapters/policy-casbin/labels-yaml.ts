import { z } from "zod";
import { labelPattern, tenantPattern } from "#core/limits.ts";
import type { PolicyProblem } from "#core/ports/policy.ts";
import type { TextFile } from "./text-file.ts";
import { readYaml } from "./yaml-file.ts";

const description = z.string().min(1);
const vocabularySchema = z.strictObject({
  labels: z.record(z.string().regex(labelPattern, "a label is lower case: letters, digits, . _ -"), description),
  tenants: z.record(z.string().regex(tenantPattern, "not a tenant's name"), description).optional(),
});

/** The names that rules may use. */
export interface Vocabulary {
  readonly labels: ReadonlySet<string>;
  /** Absent = any tenant may be named. */
  readonly tenants: ReadonlySet<string> | undefined;
}

/** Reads labels.yaml: the vocabulary of labels and, where it is declared, of tenants, each with a description for a reader. */
export function parseVocabulary(text: TextFile, problems: PolicyProblem[]): Vocabulary | undefined {
  const file = readYaml(text, vocabularySchema, problems);
  if (file === undefined) return undefined;
  const { labels, tenants } = file.value;
  return {
    labels: new Set(Object.keys(labels)),
    tenants: tenants === undefined ? undefined : new Set(Object.keys(tenants)),
  };
}
