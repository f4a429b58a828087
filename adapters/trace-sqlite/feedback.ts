import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { limits } from "#core/limits.ts";
import { type Feedback, type FeedbackPage, judgements } from "#core/ports/trace.ts";

const rowSchema = z.object({
  sequence: z.int(),
  tenant: z.string(),
  retrieval: z.string(),
  user: z.string(),
  actors: z.string().transform((text): string[] => z.array(z.string()).parse(JSON.parse(text))),
  source: z.string(),
  document: z.string(),
  judgement: z.enum(judgements),
  comment: z.string().nullable(),
  at: z.int(),
});

function feedbackOf(row: z.infer<typeof rowSchema>): Feedback {
  const { tenant, retrieval, user, actors, judgement, comment, at } = row;
  const document = row.document === "" ? null : { source: row.source, id: row.document };
  return { tenant, retrieval, user, actors, judgement, document, comment, at };
}

/** The judgements in a trace file. */
export function feedbackTable(database: DatabaseSync) {
  const traced = database.prepare("SELECT 1 FROM traces WHERE tenant = ? AND id = ?");
  const known = database.prepare(
    "SELECT 1 FROM feedback WHERE tenant = ? AND retrieval = ? AND user = ? AND actors = ? AND source = ? AND document = ?",
  );
  const count = database.prepare("SELECT count(*) AS rows FROM feedback WHERE tenant = ? AND retrieval = ?");
  // A new row in the place of the old one: its position moves to the end, so that a reader of pages sees the change.
  const insert = database.prepare(
    "INSERT OR REPLACE INTO feedback (tenant, retrieval, user, actors, source, document, judgement, comment, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const select = database.prepare("SELECT * FROM feedback WHERE tenant = ? AND retrieval = ? ORDER BY sequence");
  const after = database.prepare("SELECT * FROM feedback WHERE tenant = ? AND sequence > ? ORDER BY sequence LIMIT ?");
  return {
    keep(feedback: Feedback): "kept" | "gone" | "full" {
      const { tenant, retrieval, user, document, judgement, comment, at } = feedback;
      const key = [
        tenant,
        retrieval,
        user,
        JSON.stringify(feedback.actors),
        document?.source ?? "",
        document?.id ?? "",
      ];
      if (traced.get(tenant, retrieval) === undefined) return "gone";
      const rows = Number(count.get(tenant, retrieval)?.rows ?? 0);
      if (rows >= limits.feedbackPerRetrieval && known.get(...key) === undefined) return "full";
      insert.run(...key, judgement, comment, at);
      return "kept";
    },
    of(tenant: string, retrieval: string): readonly Feedback[] {
      return select.all(tenant, retrieval).map((row) => feedbackOf(rowSchema.parse(row)));
    },
    page(tenant: string, position: number, limit: number): FeedbackPage {
      const rows = after.all(tenant, position, limit + 1).map((row) => rowSchema.parse(row));
      const page = rows.slice(0, limit);
      return { feedback: page.map(feedbackOf), next: rows.length > limit ? (page.at(-1)?.sequence ?? null) : null };
    },
  };
}
