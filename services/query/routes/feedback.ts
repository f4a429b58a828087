import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { during } from "#core/deadline.ts";
import { AppError, limitExceeded } from "#core/errors.ts";
import { limits, sourcePattern } from "#core/limits.ts";
import type { Clock } from "#core/ports/clock.ts";
import { type Feedback, type FeedbackPosition, judgements } from "#core/ports/trace.ts";
import { signalOf } from "#services/http/deadline.ts";
import { noQuery, parseBody, parseQuery } from "#services/http/validate.ts";
import { askerOf, isDocument, type RetrievalsOptions, readableNow, shownFeedback, traceFor } from "./retrievals.ts";

export interface FeedbackOptions extends RetrievalsOptions {
  readonly clock: Clock;
}

const wellFormed = (text: string) => text.isWellFormed();

const feedbackSchema = z
  .strictObject({
    judgement: z.enum(judgements),
    source: z.string().regex(sourcePattern).optional(),
    document_id: z.string().min(1).refine(wellFormed, "not well-formed Unicode").optional(),
    comment: z
      .string()
      .max(limits.feedbackCommentChars)
      .refine((text) => wellFormed(text) && !text.includes("\0"), "not well-formed Unicode, or a NUL")
      .optional(),
  })
  .refine((body) => (body.source === undefined) === (body.document_id === undefined), {
    path: ["document_id"],
    message: "source and document_id name a document together",
  });

const pageSchema = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,6}$/)
    .optional(),
  cursor: z.string().max(limits.feedbackCursorChars).optional(),
});

const positionSchema = z.strictObject({
  at: z.int(),
  retrieval: z.string(),
  user: z.string(),
  actors: z.array(z.string()),
  document: z.strictObject({ source: z.string(), id: z.string() }).nullable(),
});

const cursorOf = ({ at, retrieval, user, actors, document }: FeedbackPosition): string =>
  Buffer.from(JSON.stringify({ at, retrieval, user, actors, document })).toString("base64url");

function positionOf(cursor: string): FeedbackPosition {
  try {
    return positionSchema.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
  } catch (cause) {
    throw new AppError("invalid-request", { detail: "not a cursor of this service", pointer: "?cursor" }, { cause });
  }
}

/**
 * POST /v1/retrievals/{id}/feedback: a judgement of an answer, or of one document in it, by the caller who got it or by a principal that
 * the policy allows `explain` on the tenant; for anybody else a 404, as for a retrieval that does not exist. It takes the place of the same
 * principal's earlier one. GET /v1/feedback: all judgements of the tenant, for `explain`. No retrieval ever reads any of it.
 */
export const feedbackRoutes: FastifyPluginAsync<FeedbackOptions> = async (app, options) => {
  const { traces, policy, clock } = options;

  app.post<{ Params: { id: string } }>(
    "/v1/retrievals/:id/feedback",
    { bodyLimit: limits.feedbackRequestBytes },
    async (request, reply) => {
      const { caller } = request;
      parseQuery(noQuery, request.query);
      const body = parseBody(feedbackSchema, request.body);
      const asker = askerOf(request);
      const { trace, view } = await traceFor(options, asker, request.params.id);
      const document =
        body.source === undefined || body.document_id === undefined
          ? null
          : { source: body.source, id: body.document_id };
      if (document !== null) {
        const candidates = view === "explain" ? trace.candidates : await readableNow(trace, asker, options);
        const returned = candidates.some((item) => item.gate === "returned" && isDocument(item, document));
        if (!returned) {
          // The same for a document that was ranked and dropped, is hidden, or never was.
          throw new AppError("invalid-request", {
            detail: "this retrieval did not return this document",
            pointer: "/document_id",
          });
        }
      }
      const feedback: Feedback = {
        tenant: caller.tenant,
        retrieval: trace.id,
        user: caller.user,
        actors: caller.actors,
        judgement: body.judgement,
        document,
        comment: body.comment ?? null,
        at: clock(),
      };
      const kept = await during(asker.signal, () => traces.judge(feedback, asker.signal));
      if (kept === "gone") throw new AppError("not-found");
      if (kept === "full") {
        throw limitExceeded("feedbackPerRetrieval", limits.feedbackPerRetrieval, "judgements of one retrieval");
      }
      return reply.header("cache-control", "no-store").send({ feedback: shownFeedback(feedback) });
    },
  );

  app.get("/v1/feedback", async (request, reply) => {
    const { caller } = request;
    const { limit, cursor } = parseQuery(pageSchema, request.query);
    if (!policy.current().may(caller, "explain", "tenant")) throw new AppError("forbidden");
    const size = Number(limit ?? "100");
    if (size < 1 || size > limits.pageSize)
      throw limitExceeded("limit", limits.pageSize, "judgements a page", "?limit");
    const after = cursor === undefined ? null : positionOf(cursor);
    const signal = signalOf(request);
    const { feedback, more } = await during(signal, () => traces.allFeedback(caller.tenant, after, size, signal));
    const last = feedback.at(-1);
    return reply.header("cache-control", "no-store").send({
      feedback: feedback.map((item) => ({ retrieval: item.retrieval, ...shownFeedback(item) })),
      next_cursor: more && last !== undefined ? cursorOf(last) : null,
    });
  });
};
