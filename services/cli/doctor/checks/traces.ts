import type { Context } from "../context.ts";
import type { Handle } from "../examination.ts";
import { checkTraceFile } from "./embedded.ts";
import { checkRedis } from "./redis.ts";

/** `traces-server` or `trace-file`. */
export function checkTraces(context: Context, directory: Handle<string> | undefined): void {
  const { config, examination, spoilt } = context;
  const blamed = spoilt.get("traces");
  if (blamed !== undefined) examination.skip("traces-server", `not asked, because of ${blamed}`);
  else if (config.adapters.traces === "redis" && config.redis !== undefined) {
    checkRedis(context, "traces-server", config.redis.url, "RETICENT_REDIS_URL");
  } else if (directory !== undefined) checkTraceFile(context, directory);
}
