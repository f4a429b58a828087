import { z } from "zod";
import { judgements } from "#core/ports/trace.ts";
import { type HttpClient, path } from "../../http-client.ts";
import { CommandError } from "../../terminal.ts";

const feedbackSchema = z.object({
  user: z.string(),
  actors: z.array(z.string()),
  judgement: z.enum(judgements),
  source: z.string().nullable(),
  document_id: z.string().nullable(),
  comment: z.string().nullable(),
  at: z.string(),
});

const traceSchema = z.object({
  view: z.enum(["own", "explain"]),
  id: z.string(),
  tenant: z.string(),
  user: z.string(),
  actors: z.array(z.string()),
  principals: z.array(z.string()),
  query: z.string(),
  candidates: z.array(z.object({ source: z.string(), document_id: z.string(), gate: z.string() })),
  feedback: z.array(feedbackSchema),
});
/** What a case is made from. */
export type RecordedTrace = z.infer<typeof traceSchema>;

const listedSchema = feedbackSchema.extend({ retrieval: z.string() });
/** A judgement in the list of a tenant. */
export type ListedFeedback = z.infer<typeof listedSchema>;

/** A whole trace. @throws ServiceError when it is missing, CommandError when the token may not explain. */
export async function explainedTrace(client: HttpClient, id: string): Promise<RecordedTrace> {
  const trace = await client.request({ method: "GET", path: path("v1", "retrievals", id), schema: traceSchema });
  if (trace.view !== "explain") throw new CommandError("the token needs explain on the tenant to record a case");
  return trace;
}

/** All judgements of the token's tenant, in the order in which they were given. */
export async function allFeedback(client: HttpClient): Promise<readonly ListedFeedback[]> {
  const found: ListedFeedback[] = [];
  const schema = z.object({ feedback: z.array(listedSchema), next_cursor: z.string().nullable() });
  let cursor: string | undefined;
  do {
    const page: z.infer<typeof schema> = await client.request({
      method: "GET",
      path: "/v1/feedback",
      query: { limit: "500", cursor },
      schema,
    });
    found.push(...page.feedback);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}
