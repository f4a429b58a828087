import type { FastifyPluginAsync } from "fastify";
import type { Retrieve } from "#core/retrieval/retrieve.ts";
import { type FeedbackOptions, feedbackRoutes } from "./routes/feedback.ts";
import { retrievalsRoutes } from "./routes/retrievals.ts";
import { retrieveRoutes } from "./routes/retrieve.ts";

export interface QueryOptions extends FeedbackOptions {
  readonly retrieve: Retrieve;
}

/** The query service: questions, their traces, and what people say of them. */
export const queryApp: FastifyPluginAsync<QueryOptions> = async (app, options) => {
  await app.register(retrieveRoutes, options);
  await app.register(retrievalsRoutes, options);
  await app.register(feedbackRoutes, options);
};
