import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { limits } from "#core/limits.ts";
import { type Feedback, type FeedbackPage, type FeedbackPosition, judgements } from "#core/ports/trace.ts";

const rowSchema = z.object({
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

const keyOf = ({ retrieval, user, actors, document }: Omit<FeedbackPosition, "at">): readonly string[] => [
  retrieval,
  user,
  JSON.stringify(actors),
  document?.source ?? "",
  document?.id ?? "",
];

/** The judgements in a trace file. */
export function feedbackTable(database: DatabaseSync) {
  const traced = database.prepare("SELECT 1 FROM traces WHERE tenant = ? AND id = ?");
  const known = database.prepare(
    "SELECT 1 FROM feedback WHERE tenant = ? AND retrieval = ? AND user = ? AND actors = ? AND source = ? AND document = ?",
  );
  const count = database.prepare("SELECT count(*) AS rows FROM feedback WHERE tenant = ? AND retrieval = ?");
  const insert = database.prepare(
    "INSERT OR REPLACE INTO feedback (tenant, retrieval, user, actors, source, document, judgement, comment, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const order = "at, retrieval, user, actors, source, document";
  const select = database.prepare(`SELECT * FROM feedback WHERE tenant = ? AND retrieval = ? ORDER BY ${order}`);
  // A number of the whole file would be shorter, and would tell one tenant how much another one judges.
  const after = database.prepare(
    `SELECT * FROM feedback WHERE tenant = ? AND (${order}) > (?, ?, ?, ?, ?, ?) ORDER BY ${order} LIMIT ?`,
  );
  return {
    keep(feedback: Feedback): "kept" | "gone" | "full" {
      const { tenant, retrieval, judgement, comment, at } = feedback;
      const key = [tenant, ...keyOf(feedback)];
      if (traced.get(tenant, retrieval) === undefined) return "gone";
      const rows = Number(count.get(tenant, retrieval)?.rows ?? 0);
      if (rows >= limits.feedbackPerRetrieval && known.get(...key) === undefined) return "full";
      insert.run(...key, judgement, comment, at);
      return "kept";
    },
    of(tenant: string, retrieval: string): readonly Feedback[] {
      return select.all(tenant, retrieval).map((row) => feedbackOf(rowSchema.parse(row)));
    },
    page(tenant: string, position: FeedbackPosition | null, limit: number): FeedbackPage {
      const from: readonly (string | number)[] =
        position === null ? [Number.MIN_SAFE_INTEGER, "", "", "", "", ""] : [position.at, ...keyOf(position)];
      const rows = after.all(tenant, ...from, limit + 1).map((row) => rowSchema.parse(row));
      return { feedback: rows.slice(0, limit).map(feedbackOf), more: rows.length > limit };
    },
  };
}
