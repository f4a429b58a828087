import type { FastifyPluginAsync } from "fastify";
import fp from "fastify-plugin";
import { during } from "#core/deadline.ts";
import { callerIfAny } from "./auth.ts";
import { signalOf } from "./deadline.ts";

export interface InStepOptions {
  /**
   * Brings this process in step with the other ones of its deployment.
   * @throws AppError when it cannot be: nothing is then answered
   */
  readonly catchUp: () => Promise<void>;
}

/**
 * Lets no handler run in a process that other ones of its deployment have left behind: under a policy that was replaced, or an embedding
 * model that is not searched any more. Register it after authentication: who has no token costs no look at the ledger.
 */
export const inStepPlugin = fp<InStepOptions>(
  (async (app, { catchUp }) => {
    app.addHook("preHandler", async (request) => {
      if (callerIfAny(request) !== undefined) await during(signalOf(request), catchUp);
    });
  }) satisfies FastifyPluginAsync<InStepOptions>,
  { name: "reticent-in-step", fastify: "5.x", dependencies: ["reticent-auth"] },
);
