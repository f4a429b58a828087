import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const expectationSchema = z.union([
  z.strictObject({ outcome: z.literal("answered"), source: z.string(), document: z.string(), says: z.string() }),
  z.strictObject({ outcome: z.literal("abstained"), reason: z.enum(["nothing_readable", "stale", "untrusted"]) }),
]);

const callerSchema = z.strictObject({
  tenant: z.string(),
  user: z.string(),
  groups: z.array(z.string()),
  agent: z.string().optional(),
  about: z.string(),
});

const questionSchema = z.strictObject({
  id: z.string(),
  ask: z.string(),
  why: z.string(),
  never: z.string().optional(),
  same_as: z.string().optional(),
  expect: z.record(z.string(), expectationSchema),
});

const fileSchema = z.strictObject({
  callers: z.record(z.string(), callerSchema),
  questions: z.array(questionSchema).nonempty(),
});

/** Who asks in the demo. */
export type DemoCaller = z.infer<typeof callerSchema>;
/** A question with what must come out, per caller. */
export type DemoQuestion = z.infer<typeof questionSchema>;
/** What must come out for one caller. */
export type Expectation = z.infer<typeof expectationSchema>;
/** examples/questions.yaml. */
export type DemoFile = z.infer<typeof fileSchema>;

/**
 * Reads the demo's callers and questions.
 * @throws Error when the file is missing, not YAML, or of another shape
 */
export function readQuestions(file: string): DemoFile {
  return fileSchema.parse(parse(readFileSync(file, "utf8")));
}
