import { modelOf } from "#adapters/embedder-openai/openai.ts";
import type { OpenAiOptions } from "#adapters/embedder-openai/options.ts";
import { calibrationProblems, noCalibrations } from "#core/calibration/published.ts";
import { driftFrom, toleratedDrift } from "#core/embedding/probes.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { PolicySnapshot } from "#core/ports/policy.ts";
import type { ConfiguredEmbedder } from "#services/config.ts";
import { openEmbedder } from "#services/ports/embedders.ts";
import { answerMs, type Context, type LedgerFacts, type ModelsInUse, many, short } from "../context.ts";
import { derived, type Found, failed, type Handle, ok, skipped, warning } from "../examination.ts";
import { reasonOf } from "../reason.ts";
import { placeOf } from "../redact.ts";

/** The encoders of a deployment, the one before included when there is one. */
export interface Encoders {
  readonly models: Handle<ModelsInUse>;
  readonly inUse: readonly Handle<Embedder>[];
}

const sentence = "Who signs for a parcel when the reception desk is closed?";

/** `encoder`, `encoder-previous`, `second-endpoint`: whether each gives vectors, and of which fingerprint. */
export function checkEncoders(context: Context): Encoders {
  const { examination, config, spoilt } = context;
  const blamed = spoilt.get("encoder");
  const look = (name: string, embedder: ConfiguredEmbedder): Handle<Embedder> =>
    examination.check<Embedder>({
      name,
      advice: adviceFor(embedder),
      look: () =>
        blamed === undefined ? lookAtEncoder(context, embedder) : skipped(`not asked, because of ${blamed}`),
    });
  const configured = look("encoder", config.embedder);
  const { previousEmbedder } = config;
  const previous = previousEmbedder === undefined ? undefined : look("encoder-previous", previousEmbedder);
  if (blamed === undefined && config.openai?.second !== undefined) checkSecond(context, config.openai);
  const inUse = previous === undefined ? [configured] : [configured, previous];
  return { models: modelsOf(configured, previous), inUse };
}

/** Known when both are, or the only one is. */
function modelsOf(configured: Handle<Embedder>, previous: Handle<Embedder> | undefined): Handle<ModelsInUse> {
  const first = derived(configured, ({ model }) => ({ configured: model }));
  if (previous === undefined) return first;
  return {
    name: `${configured.name} or ${previous.name}`,
    outcome: Promise.all([first.outcome, previous.outcome]).then(([{ value }, { value: other }]) =>
      value === undefined || other === undefined ? {} : { value: { ...value, previous: other.model } },
    ),
  };
}

const adviceFor = (embedder: ConfiguredEmbedder): string =>
  embedder === "openai"
    ? "look at RETICENT_OPENAI_BASE_URL, the key and the model's name; questions are answered with 503 embedder-unavailable until then"
    : "install the project again: a file of the built-in model is missing or damaged";

async function lookAtEncoder(context: Context, name: ConfiguredEmbedder): Promise<Found<Embedder>> {
  const { config, atEnd } = context;
  const openai = config.openai === undefined ? {} : { openai: hasty(config.openai, context) };
  const embedder = await openEmbedder(name, openai);
  atEnd(() => embedder.close());
  const { model } = embedder;
  const place =
    name === "openai" && config.openai !== undefined ? ` at ${placeOf(config.openai.endpoint.baseUrl)}` : "";
  const start = performance.now();
  const reason = await problemOf(embedder);
  const took = performance.now() - start;
  if (reason !== undefined) return failed(`${model.name}${place}: ${reason}`, adviceFor(name), embedder);
  const told = `${model.dimensions} dimensions, fingerprint ${short(model.fingerprint)}, ${took.toFixed(0)} ms`;
  return ok(`${model.name}${place} gives vectors (${told})`, embedder);
}

/** One try, and an answer within the time of a check: a person waits. The second endpoint is asked by itself. */
function hasty({ second: _second, ...options }: OpenAiOptions, context: Context): OpenAiOptions {
  const most = answerMs(context);
  const { patience } = options;
  const attemptMs = Math.min(patience.attemptMs, most);
  // A question's first try has half of its time.
  return { ...options, patience: { ...patience, attempts: 1, attemptMs, queryMs: 2 * most, passageMs: most } };
}

/** Why an encoder gives no vector as it should; `undefined` when it does. */
async function problemOf(embedder: Embedder): Promise<string | undefined> {
  try {
    const [vector] = await embedder.embed([sentence], "query");
    if (vector === undefined) return "it gave no vector";
    const { dimensions } = embedder.model;
    if (vector.length !== dimensions) return `it gives vectors of ${vector.length} dimensions instead of ${dimensions}`;
    const length = Math.hypot(...vector);
    return Math.abs(length - 1) < 1e-3 ? undefined : `it gives vectors of length ${length}`;
  } catch (error) {
    return reasonOf(error);
  }
}

function checkSecond(context: Context, options: OpenAiOptions): void {
  const { examination, atEnd } = context;
  const { second } = options;
  if (second === undefined) return;
  const advice = "look at RETICENT_OPENAI_SECOND_…; until then nothing answers while the first endpoint is away";
  examination.check({
    name: "second-endpoint",
    advice,
    look: async () => {
      const open = async (endpoint: OpenAiOptions["endpoint"]): Promise<Embedder> => {
        const { second: _other, ...rest } = hasty(options, context);
        const embedder = await openEmbedder("openai", { openai: { ...rest, endpoint } });
        atEnd(() => embedder.close());
        return embedder;
      };
      const [first, other] = [await open(options.endpoint), await open(second)];
      const place = placeOf(second.baseUrl);
      const reason = await problemOf(other);
      if (reason !== undefined) return failed(`${place}: ${reason}`, advice);
      const text = [sentence];
      const drift = await driftBetween(first, other, text).catch(() => undefined);
      const model = modelOf(options).name;
      if (drift === undefined) return ok(`${place} gives vectors of ${model}; the first endpoint is away`);
      if (drift <= toleratedDrift) return ok(`${place} gives the vectors of the first endpoint`);
      const finding = `${place} gives other vectors than the first endpoint (distance ${drift.toPrecision(2)})`;
      return failed(finding, "serve the same model there; the service never asks it as it is");
    },
  });
}

async function driftBetween(first: Embedder, other: Embedder, texts: readonly string[]): Promise<number> {
  const [a] = await first.embed(texts, "passage");
  const [b] = await other.embed(texts, "passage");
  if (a === undefined || b === undefined || a.length !== b.length) return Infinity;
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - (b[at] ?? Infinity))), 0);
}

/** `encoder-floor` and `calibration`: what the policy folder says of each model in use. */
export function checkModelTrust({ examination }: Context, { models }: Encoders, policy: Handle<PolicySnapshot>): void {
  examination.check({
    name: "encoder-floor",
    needs: [models, policy],
    advice: "",
    look: ({ configured, previous }, { trust }) => {
      const missing = [configured, ...(previous === undefined ? [] : [previous])].filter(
        ({ name }) => !trust.models.has(name),
      );
      if (missing.length > 0) {
        return failed(
          `trust.yaml has no entry for ${missing.map(({ name }) => name).join(" and ")}`,
          "give it a floor and a threshold: without them nothing may be answered, and the service does not start",
        );
      }
      const entry = trust.models.get(configured.name);
      return ok(`${configured.name}: floor ${entry?.floor}, threshold ${entry?.threshold}; ${entry?.origin ?? ""}`);
    },
  });
  examination.check({
    name: "calibration",
    needs: [models, policy],
    advice: "",
    look: ({ configured, previous }, { trust }) => {
      const inUse = [configured, ...(previous === undefined ? [] : [previous])];
      const [problem] = inUse.flatMap((model) => calibrationProblems(trust, model));
      if (problem !== undefined) {
        return failed(problem.message, "fit it with npx reticent calibrate, or take it out of trust.yaml");
      }
      const { general, tenants } = trust.models.get(configured.name)?.calibrations ?? noCalibrations;
      const fitted = general.find(({ fingerprint }) => fingerprint === configured.fingerprint);
      const own = tenants.size === 0 ? "" : `; ${many(tenants.size, "tenant")} with one of their own`;
      if (fitted === undefined) {
        return warning(
          `none is published for ${configured.name}${own}: its confidence is a score and no probability`,
          "npx reticent calibrate fits one on your documents or on judged questions",
        );
      }
      return ok(`made for ${short(configured.fingerprint)}${own}`);
    },
  });
}

/** `active-fingerprint`, and `probe-vectors` for each encoder: what the ledger keeps of the models. */
export function checkModelStore(
  { examination }: Context,
  { models, inUse }: Encoders,
  ledger: Handle<LedgerFacts>,
): void {
  examination.check({
    name: "active-fingerprint",
    needs: [models, ledger],
    advice: "",
    look: async ({ configured, previous }, { active, lagging }) => {
      if (active === null) return ok(`none yet; the first start makes it ${short(configured.fingerprint)}`);
      if (active === configured.fingerprint) return ok(`${short(active)}, the configured encoder's`);
      const missing = many(await lagging(configured.fingerprint), "document");
      if (active === previous?.fingerprint) {
        return warning(
          `${short(active)}, the previous encoder's, until the configured one has them all: ${missing} missing`,
          "let the workers run; /v1/status shows how far they are",
        );
      }
      return failed(
        `${short(active)}, which no configured encoder has: questions are answered with 503 reindexing, ${missing} missing`,
        "name the encoder used so far in RETICENT_EMBEDDER_PREVIOUS, or wait until all documents are indexed again",
      );
    },
  });
  for (const [at, encoder] of inUse.entries()) {
    examination.check({
      name: at === 0 ? "probe-vectors" : "probe-vectors-previous",
      needs: [encoder, ledger],
      advice: "bring the model back that the documents were indexed with; never exchange a model in place",
      look: async (embedder, facts) => {
        const { fingerprint, name } = embedder.model;
        const stored = await facts.probes(fingerprint);
        if (stored.size === 0)
          return ok(`none are stored for ${short(fingerprint)}; the first start of ${name} stores them`);
        const drift = await driftFrom((texts, purpose) => embedder.embed(texts, purpose), stored);
        const told = `distance ${drift === 0 ? "0" : drift.toPrecision(2)}, at most ${toleratedDrift} is rounding`;
        if (drift <= toleratedDrift)
          return ok(`${many(stored.size, "vector")} as stored for ${short(fingerprint)} (${told})`);
        return failed(
          `${name} gives other vectors than those stored for ${short(fingerprint)} (${told})`,
          "bring the model back that the documents were indexed with; never exchange a model in place",
        );
      },
    });
  }
}
