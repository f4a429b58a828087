import { z } from "zod";
import { answerMs, type Context } from "../context.ts";
import { failed, ok, warning } from "../examination.ts";
import { reasonOf } from "../reason.ts";
import { placeOf } from "../redact.ts";

const readiness = z.object({ status: z.string(), codes: z.array(z.string().regex(/^[a-z][a-z-]{0,60}$/)).max(50) });
const advice = "docs/operations.md says what each code means; the log of the process has the cause";

/** `service-health` and `service-ready` of each running process that was named. */
export function checkServices(context: Context, urls: readonly string[]): void {
  const { examination } = context;
  for (const url of urls) {
    const place = placeOf(url);
    const base = url.replace(/\/+$/, "");
    const ask = async (path: string): Promise<{ readonly status: number; readonly body: unknown }> => {
      const signal = AbortSignal.timeout(answerMs(context));
      // A redirect leads to something else than was named.
      const response = await fetch(`${base}${path}`, { redirect: "error", signal });
      return { status: response.status, body: await response.json() };
    };
    const health = examination.check<true>({
      name: "service-health",
      advice: "start the process, or correct --url",
      look: async () => {
        try {
          const { status, body } = await ask("/healthz");
          if (status === 200 && z.object({ status: z.literal("ok") }).safeParse(body).success)
            return ok(`${place}: runs`, true);
          return failed(`${place}: status ${status}, and no answer of a Reticent process`, "correct --url");
        } catch (error) {
          return failed(`${place}: ${reasonOf(error)}`, "start the process, or correct --url");
        }
      },
    });
    examination.check({
      name: "service-ready",
      needs: [health],
      advice,
      look: async () => {
        const { status, body } = await ask("/readyz");
        const { codes } = readiness.parse(body);
        const told = `${place}: ${codes.length === 0 ? "no codes" : codes.join(", ")}`;
        if (status !== 200) return failed(`${told}; it should get no questions`, advice);
        return codes.length === 0 ? ok(`${place}: ready`) : warning(`${told}; it answers nevertheless`, advice);
      },
    });
  }
}
