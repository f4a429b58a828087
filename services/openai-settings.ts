import { readFileSync } from "node:fs";
import { z } from "zod";
import { canonicalModel, knownModels } from "#adapters/embedder-openai/known-models.ts";
import { type EndpointOptions, type OpenAiOptions, patience } from "#adapters/embedder-openai/options.ts";
import { longestInput } from "#adapters/embedder-openai/tokens.ts";
import { Secret } from "#core/secret.ts";

const number = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "not a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .optional();
const text = z.string().min(1).max(1_000).optional();
const keyHeader = z.enum(["authorization", "api-key"]).default("authorization");
/** Without a user name or password: they would end in a log. */
const url = z
  .string()
  .refine((value) => {
    const parsed = URL.parse(value);
    if (parsed === null || !/^https?:$/.test(parsed.protocol)) return false;
    return parsed.username === "" && parsed.password === "" && parsed.hash === "";
  }, "a URL with http or https, without a user name")
  .optional();

/** Settings of the embedder `openai`, all of them optional as long as it is not in use. */
export const openAiShape = {
  RETICENT_OPENAI_BASE_URL: url,
  RETICENT_OPENAI_API_KEY: z.string().optional(),
  RETICENT_OPENAI_API_KEY_FILE: text,
  RETICENT_OPENAI_KEY_HEADER: keyHeader,
  RETICENT_OPENAI_API_VERSION: text,
  RETICENT_OPENAI_DEPLOYMENT: text,
  RETICENT_OPENAI_ANSWERED_MODEL: text,
  RETICENT_OPENAI_MODEL: z.string().min(1).max(150).optional(),
  RETICENT_OPENAI_DIMENSIONS: number(8, 16_000),
  RETICENT_OPENAI_SEND_DIMENSIONS: z.enum(["true", "false"]).optional(),
  RETICENT_OPENAI_INPUT_TOKENS: number(64, 1_000_000),
  RETICENT_OPENAI_QUERY_PREFIX: text,
  RETICENT_OPENAI_PASSAGE_PREFIX: text,
  RETICENT_OPENAI_BATCH_ITEMS: number(1, 2_048),
  RETICENT_OPENAI_BATCH_BYTES: number(1_000, 10_000_000),
  RETICENT_OPENAI_TIMEOUT_MS: number(100, 600_000),
  RETICENT_OPENAI_SECOND_BASE_URL: url,
  RETICENT_OPENAI_SECOND_API_KEY: z.string().optional(),
  RETICENT_OPENAI_SECOND_API_KEY_FILE: text,
  RETICENT_OPENAI_SECOND_KEY_HEADER: keyHeader,
  RETICENT_OPENAI_SECOND_API_VERSION: text,
  RETICENT_OPENAI_SECOND_DEPLOYMENT: text,
  RETICENT_OPENAI_SECOND_ANSWERED_MODEL: text,
};

const openAiSchema = z.object(openAiShape);
type OpenAiSettings = z.infer<typeof openAiSchema>;

/**
 * The options of the embedder `openai`.
 * @param deadlineMs of a request that asks a question: the encoder gives up before it, so that the answer says what failed
 * @param report told of each setting that is missing or wrong, with its name; never with a key
 * @returns `undefined` when there was something to report
 */
export function openAiOptions(
  settings: OpenAiSettings,
  deadlineMs: number,
  report: (problem: string) => void,
): OpenAiOptions | undefined {
  let isGood = true;
  const wrong = (name: string, problem: string) => {
    isGood = false;
    report(`RETICENT_OPENAI_${name}: ${problem}`);
  };
  const { RETICENT_OPENAI_MODEL: model = "", RETICENT_OPENAI_DIMENSIONS: wanted } = settings;
  if (model === "") wrong("MODEL", "needed for RETICENT_EMBEDDER=openai");
  const known = knownModels.get(canonicalModel(model));
  const dimensions = wanted ?? known?.dimensions ?? 0;
  const send = settings.RETICENT_OPENAI_SEND_DIMENSIONS;
  if (model !== "" && dimensions === 0) wrong("DIMENSIONS", `needed, because nothing is known of ${model}`);
  if (known !== undefined && known.isShortenable !== true && dimensions !== known.dimensions) {
    wrong("DIMENSIONS", `${model} has ${known.dimensions}`);
  }
  if (known?.isShortenable === true && dimensions > known.dimensions) {
    wrong("DIMENSIONS", `${model} has at most ${known.dimensions}`);
  }
  const inputTokens = settings.RETICENT_OPENAI_INPUT_TOKENS ?? known?.inputTokens ?? 512;
  const passagePrefix = prefix(settings.RETICENT_OPENAI_PASSAGE_PREFIX, known?.passagePrefix);
  const queryPrefix = prefix(settings.RETICENT_OPENAI_QUERY_PREFIX, known?.queryPrefix);
  for (const [name, value] of [
    ["PASSAGE_PREFIX", passagePrefix],
    ["QUERY_PREFIX", queryPrefix],
  ] as const) {
    if (longestInput(inputTokens, value) < fewestTokens) wrong(name, "leaves no room for a text");
  }
  const endpoint = endpointOf(settings, "", wrong);
  if (endpoint === undefined) wrong("BASE_URL", "needed for RETICENT_EMBEDDER=openai");
  const second = endpointOf(settings, "SECOND_", wrong);
  if (!isGood || endpoint === undefined) return undefined;
  const attemptMs = settings.RETICENT_OPENAI_TIMEOUT_MS ?? patience.attemptMs;
  return {
    model,
    dimensions,
    sendDimensions:
      send === undefined ? known?.isShortenable === true && dimensions !== known.dimensions : send === "true",
    inputTokens,
    queryPrefix,
    passagePrefix,
    batchItems: settings.RETICENT_OPENAI_BATCH_ITEMS ?? 32,
    batchBytes: settings.RETICENT_OPENAI_BATCH_BYTES ?? 100_000,
    endpoint,
    ...(second === undefined ? {} : { second }),
    patience: { ...patience, attemptMs, queryMs: Math.floor(deadlineMs * 0.8), passageMs: 3 * attemptMs },
  };
}

/** An input shorter than this, in tokens of the embedder's own count, holds no passage. */
const fewestTokens = 12;

/** `none` is how an environment says that a model is to be used without its prefix. */
const prefix = (given: string | undefined, known = ""): string => (given === "none" ? "" : (given ?? known));

function endpointOf(
  settings: OpenAiSettings,
  which: "" | "SECOND_",
  wrong: (name: string, problem: string) => void,
): EndpointOptions | undefined {
  const baseUrl = settings[`RETICENT_OPENAI_${which}BASE_URL`];
  const apiKey = keyOf(settings, which, wrong);
  const apiVersion = settings[`RETICENT_OPENAI_${which}API_VERSION`];
  const sentModel = settings[`RETICENT_OPENAI_${which}DEPLOYMENT`];
  const answered = settings[`RETICENT_OPENAI_${which}ANSWERED_MODEL`];
  if (baseUrl === undefined) {
    if (which !== "" && (apiKey ?? apiVersion ?? sentModel ?? answered) !== undefined) {
      wrong("SECOND_BASE_URL", "missing, although other settings of a second endpoint are there");
    }
    return undefined;
  }
  return {
    baseUrl,
    keyHeader: settings[`RETICENT_OPENAI_${which}KEY_HEADER`],
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(sentModel === undefined ? {} : { sentModel }),
    ...(answered === undefined
      ? {}
      : { answeredModels: answered === "any" ? ("any" as const) : answered.split(",").map((name) => name.trim()) }),
  };
}

function keyOf(
  settings: OpenAiSettings,
  which: "" | "SECOND_",
  wrong: (name: string, problem: string) => void,
): Secret | undefined {
  const file = settings[`RETICENT_OPENAI_${which}API_KEY_FILE`];
  let key = settings[`RETICENT_OPENAI_${which}API_KEY`];
  if (file !== undefined) {
    if (key !== undefined) wrong(`${which}API_KEY_FILE`, `there is a ${which}API_KEY as well`);
    try {
      key = readFileSync(file, "utf8").trim();
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
      wrong(`${which}API_KEY_FILE`, `${file} cannot be read (${code})`);
      return undefined;
    }
  }
  if (key === undefined) return undefined;
  // What no header can hold would be an error of every request, and one that quotes it.
  if (!/^[\x21-\x7e]{1,4096}$/.test(key)) {
    wrong(
      file === undefined ? `${which}API_KEY` : `${which}API_KEY_FILE`,
      "not a key: empty, or with white space in it",
    );
    return undefined;
  }
  return new Secret(key);
}
