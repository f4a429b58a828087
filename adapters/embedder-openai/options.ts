import type { ProbeStore } from "#core/ports/probes.ts";
import type { Secret } from "#core/secret.ts";

/** One place that serves the model. */
export interface EndpointOptions {
  /** What `/embeddings` is appended to, e.g. `http://localhost:11434/v1`; may hold a query. */
  readonly baseUrl: string;
  /** Absent = the server asks for none. */
  readonly apiKey?: Secret;
  /** The header that carries the key: `authorization` as a bearer token, or `api-key` (Azure). */
  readonly keyHeader: "authorization" | "api-key";
  /** Azure's `api-version`, added to the query. */
  readonly apiVersion?: string;
  /** The model's name at this server (Azure: the deployment); absent = the model's. */
  readonly sentModel?: string;
  /** Further names that its answers may give the model, or `any` when they are not to be looked at. */
  readonly answeredModels?: readonly string[] | "any";
}

/** How long to wait, how often to try again, and when to leave an endpoint alone. */
export interface Patience {
  /** One request, until its last byte, ms. */
  readonly attemptMs: number;
  /** A question with all its tries, ms; below the deadline of the request that asks it. */
  readonly queryMs: number;
  /** A batch of passages with all its tries, ms. */
  readonly passageMs: number;
  /** Requests for one batch, ≥ 1. */
  readonly attempts: number;
  /** Longest wait before the second try, ms; doubled for the third. Drawn at random below that. */
  readonly backoffMs: number;
  /** Failures in a row after which the endpoint is left alone. */
  readonly failures: number;
  /** How long it is left alone before one request may look, ms. */
  readonly restMs: number;
}

/** How long by default. */
export const patience: Patience = {
  attemptMs: 10_000,
  queryMs: 8_000,
  passageMs: 30_000,
  attempts: 3,
  backoffMs: 250,
  failures: 5,
  restMs: 10_000,
};

/** An embeddings model behind an OpenAI-compatible endpoint. */
export interface OpenAiOptions {
  /** The model's name; a known one (known-models.ts) brings what is not given here. */
  readonly model: string;
  readonly dimensions: number;
  /** Whether `dimensions` is sent, to models that can shorten their vectors. */
  readonly sendDimensions: boolean;
  /** Longest input in the model's own tokens. */
  readonly inputTokens: number;
  readonly queryPrefix: string;
  readonly passagePrefix: string;
  /** Texts of one request, and their bytes together, which no tokenizer makes more tokens of. */
  readonly batchItems: number;
  readonly batchBytes: number;
  readonly endpoint: EndpointOptions;
  /** Asked when the first fails, if it gives the vectors that are stored for the model's fingerprint. */
  readonly second?: EndpointOptions;
  readonly patience: Patience;
}

/** What an embedder needs beside its options. */
export interface OpenAiParts {
  /** The vectors that the second endpoint is held against; without them it is never asked. */
  readonly probes?: Pick<ProbeStore, "read">;
  readonly clock?: () => number;
  /** 0 … 1, for the jitter. */
  readonly random?: () => number;
}
