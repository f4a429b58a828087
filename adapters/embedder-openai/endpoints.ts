import { assertTime } from "#core/deadline.ts";
import { probeDistance, toleratedDrift } from "#core/embedding/probes.ts";
import { EndpointError } from "./endpoint-error.ts";
import { Lane } from "./lane.ts";
import type { EndpointOptions, OpenAiOptions, OpenAiParts } from "./options.ts";
import { requestsTo } from "./request.ts";

/** What the texts are. */
export type Purpose = "passage" | "query";

/** How long is waited for vectors: until a time by the clock, ms, and for no longer than anybody waits. */
export interface Until {
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/** Vectors of texts that fit one request. @throws EndpointError; AppError `deadline-exceeded` */
export type AskEndpoints = (
  texts: readonly string[],
  purpose: Purpose,
  until: Until,
) => Promise<readonly Float32Array[]>;

/** How long a comparison of the second endpoint holds, ms. */
const checkedForMs = 600_000;

/** What {@link askEndpoints} needs to know of the embedder that it is part of. */
export interface EndpointsParts extends Required<Pick<OpenAiParts, "clock" | "random">>, Pick<OpenAiParts, "probes"> {
  readonly fingerprint: string;
  /** A text as it is sent, with its prefix. */
  readonly inputOf: (text: string, purpose: Purpose) => string;
  readonly closing: AbortSignal;
}

/**
 * Asks the first endpoint, and the second when the first fails. The second has half of the time, and is asked only if it gives the vectors
 * of the probe sentences that are stored for the fingerprint: vectors of two models must never be compared.
 */
export function askEndpoints(options: OpenAiOptions, parts: EndpointsParts): AskEndpoints {
  const { clock, probes, fingerprint, inputOf } = parts;
  const { patience } = options;
  const lanesOf = (endpoint: EndpointOptions): Readonly<Record<Purpose, Lane>> => {
    const lane = (most: number) => {
      const ask = requestsTo(endpoint, options, parts.closing);
      return new Lane({ ...parts, ask, patience, attemptMs: Math.min(patience.attemptMs, most) });
    };
    // A question's first try leaves time for a second one.
    return { query: lane(patience.queryMs / 2), passage: lane(patience.passageMs) };
  };
  const first = lanesOf(options.endpoint);
  const second = options.second === undefined ? undefined : lanesOf(options.second);

  let checked: { readonly at: number; readonly isEqual: boolean } | undefined;
  const isEqual = async (lanes: Readonly<Record<Purpose, Lane>>, { deadline, signal }: Until): Promise<boolean> => {
    if (checked !== undefined && clock() - checked.at < checkedForMs) return checked.isEqual;
    const stored = await probes?.read(fingerprint);
    if (stored === undefined) return false;
    const embed = (texts: readonly string[], purpose: Purpose) =>
      lanes[purpose].vectors(
        texts.map((text) => inputOf(text, purpose)),
        deadline,
        signal,
      );
    const equal = (await probeDistance(embed, stored)) <= toleratedDrift;
    // Without stored vectors nothing was found out.
    if (stored.size > 0) checked = { at: clock(), isEqual: equal };
    return equal;
  };

  return async (texts, purpose, until) => {
    const { deadline, signal } = until;
    if (second === undefined) return first[purpose].vectors(texts, deadline, signal);
    try {
      return await first[purpose].vectors(texts, clock() + (deadline - clock()) / 2, signal);
    } catch (error) {
      if (!(error instanceof EndpointError) || error.failure === "text-refused") throw error;
      try {
        if (!(await isEqual(second, until))) {
          throw new EndpointError("refused", "it does not give the vectors of the first, or they are not known");
        }
        return await second[purpose].vectors(texts, deadline, signal);
      } catch (problem) {
        assertTime(signal);
        const why = problem instanceof EndpointError ? problem.message : "the stored vectors cannot be read";
        throw new EndpointError(error.failure, `${error.message}; second endpoint: ${why}`, error.retryAfterMs);
      }
    }
  };
}
