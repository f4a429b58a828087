import OpenAI from "openai";
import { assertTime } from "#core/deadline.ts";
import { comparableModel, vectorsOf } from "./answer.ts";
import { EndpointError, endpointErrorOf } from "./endpoint-error.ts";
import { canonicalModel, knownModels } from "./known-models.ts";
import type { EndpointOptions, OpenAiOptions } from "./options.ts";

/**
 * One request for the vectors of some texts.
 * @param timeoutMs until the last byte of the answer
 * @param signal ends it, when nobody waits any more
 * @throws EndpointError; AppError `deadline-exceeded`
 */
export type AskOnce = (
  texts: readonly string[],
  timeoutMs: number,
  signal: AbortSignal | undefined,
) => Promise<readonly Float32Array[]>;

/** Bytes of an answer per component: a double in decimal, and room for a server that prints it over several lines. */
const bytesPerComponent = 64;
/** Bytes of an answer beside the numbers. */
const otherBytes = 256 * 1024;

/**
 * Requests to one endpoint, through the client of the `openai` package. The client's own retries are off (the caller knows the deadline
 * and the other requests), and so are its log and everything that it would take from the environment. It never holds the key.
 * @param closing aborts what is under way
 */
export function requestsTo(endpoint: EndpointOptions, options: OpenAiOptions, closing: AbortSignal): AskOnce {
  const { model, dimensions, sendDimensions, batchItems } = options;
  const client = new OpenAI({
    baseURL: endpoint.baseUrl,
    // The client insists on one; guardedFetch puts the real one where it belongs.
    apiKey: "none",
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    logLevel: "off",
    ...(endpoint.apiVersion === undefined ? {} : { defaultQuery: { "api-version": endpoint.apiVersion } }),
    fetch: guardedFetch(endpoint, batchItems * dimensions * bytesPerComponent + otherBytes),
  });
  const models = acceptedModels(endpoint, model);
  return async (texts, timeoutMs, signal) => {
    assertTime(signal);
    // The client's own timeout does not cover the body of an error.
    const ending = new AbortController();
    const end = () => ending.abort();
    const timer = setTimeout(end, timeoutMs);
    closing.addEventListener("abort", end, { once: true });
    signal?.addEventListener("abort", end, { once: true });
    let answer: unknown;
    try {
      answer = await client.embeddings.create(
        {
          model: endpoint.sentModel ?? model,
          input: [...texts],
          // Left to itself the client asks for base64, and servers that know only one of the two answer noise or zeros.
          encoding_format: "float",
          ...(sendDimensions ? { dimensions } : {}),
        },
        // Later than our own, which says what happened: two timers of one length end in either order.
        { signal: ending.signal, timeout: 2 * timeoutMs + 1_000 },
      );
    } catch (error) {
      assertTime(signal);
      if (closing.aborted) throw new EndpointError("not-asked", "the service is shutting down");
      if (ending.signal.aborted) throw new EndpointError("no-answer", `no whole answer in ${Math.round(timeoutMs)} ms`);
      throw endpointErrorOf(error, Date.now());
    } finally {
      clearTimeout(timer);
      closing.removeEventListener("abort", end);
      signal?.removeEventListener("abort", end);
    }
    return vectorsOf(answer, { count: texts.length, dimensions, models });
  };
}

/** The model's names as its servers write them. */
function acceptedModels(endpoint: EndpointOptions, model: string): ReadonlySet<string> | null {
  const { sentModel, answeredModels = [] } = endpoint;
  if (answeredModels === "any") return null;
  const name = canonicalModel(model);
  const known = knownModels.get(name);
  const own = known === undefined ? [] : [`${known.publisher}/${name}`, ...(known.aliases ?? [])];
  const names = [model, name, ...own, ...(sentModel === undefined ? [] : [sentModel]), ...answeredModels];
  return new Set(names.map(comparableModel));
}

/**
 * `fetch` with three differences: only the headers that the API needs are sent (the client adds some about this machine, and whatever
 * the environment names), a redirect is an answer (the key and the texts go nowhere else), and the answer is bounded.
 */
function guardedFetch({ apiKey, keyHeader }: EndpointOptions, mostBytes: number): typeof fetch {
  return async (input, init) => {
    const headers = new Headers({ accept: "application/json", "content-type": "application/json" });
    if (apiKey !== undefined) {
      headers.set(keyHeader, keyHeader === "authorization" ? `Bearer ${apiKey.reveal()}` : apiKey.reveal());
    }
    const response = await fetch(input, { ...init, headers, redirect: "manual" });
    if (response.body === null) return response;
    let received = 0;
    const bounded = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          received += chunk.byteLength;
          if (received > mostBytes) controller.error(new EndpointError("wrong-answer", "the answer is too long"));
          else controller.enqueue(chunk);
        },
      }),
    );
    const { status, statusText } = response;
    return new Response(bounded, { status, statusText, headers: response.headers });
  };
}
