import { AppError } from "../errors.ts";
import { nextTurn } from "../ingest/turns.ts";
import type { Clock } from "../ports/clock.ts";
import type { Embedder, EmbeddingModel } from "../ports/embedder.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { ProbeStore } from "../ports/probes.ts";
import { probeDrift, toleratedDrift } from "./probes.ts";

/** How often the probe sentences are asked again, ms. */
export const probeIntervalMs = 3_600_000;
/** Documents retired per commit; between two, requests get their turn. */
const retireBatch = 50;
/** Commits of that kind per step, so that a shutdown does not wait for a whole corpus. */
const retireBatches = 20;

/** What happened to the deployment's model, for the log. */
export type PinnedModelEvent =
  | { readonly kind: "switched"; readonly from: string; readonly to: string }
  | { readonly kind: "retired"; readonly documents: number }
  | { readonly kind: "drift"; readonly model: string; readonly fingerprint: string; readonly drift: number }
  | { readonly kind: "unchecked"; readonly model: string; readonly fingerprint: string; readonly error: unknown };

/** What {@link openPinnedModel} works on. */
export interface PinnedModelOptions {
  readonly ledger: Pick<Ledger, "activeFingerprint" | "activate" | "lagging" | "countLagging" | "retireOthers">;
  readonly probes: ProbeStore;
  /** The encoder that the deployment is to use. */
  readonly configured: Embedder;
  /** The one that it used before, or may go back to. */
  readonly previous?: Embedder;
  readonly clock: Clock;
  /**
   * Whether the index answers questions under a fingerprint, which one that can be lost does only once it was seen to be whole. Absent = always.
   * @throws AppError `index-unavailable`
   */
  readonly isSearched?: (fingerprint: string) => Promise<boolean>;
  /** Must not throw. */
  readonly onEvent: (event: PinnedModelEvent) => void;
}

/** How an encoder stands; `drift` is that of `core/embedding/probes.ts`, `null` until it was asked. */
export interface EncoderStatus {
  readonly model: EmbeddingModel;
  readonly role: "configured" | "previous";
  readonly isActive: boolean;
  /** Documents of the tenant that are to be indexed for it and are not yet. */
  readonly missing: number;
  readonly probes: {
    readonly state: "steady" | "drifted" | "unchecked";
    /** ms since the epoch. */
    readonly checkedAt: number | null;
    readonly drift: number | null;
  };
}

/**
 * Which encoder answers and which ones documents are indexed for. Questions search one fingerprint, the active one of the ledger, with
 * the encoder of that fingerprint; another one becomes active when no document is missing under it and the index answers under it.
 */
export interface PinnedModel {
  /** The active fingerprint, as of the last {@link advance}, {@link observe} or {@link look}. */
  active(): string;
  /**
   * The encoder of the active fingerprint.
   * @throws AppError `reindexing` when none of the configured ones has it; `embedder-unavailable` while its probes do not give the
   * stored vectors; `ledger-unavailable` while those could not be read yet
   */
  answering(): Embedder;
  /** The model of {@link answering}, whether or not it may answer now; without one, the configured model. */
  model(): EmbeddingModel;
  /** Encoders that documents are indexed for now, the active one first; one that has drifted is left out. */
  indexing(): readonly Embedder[];
  /** Fingerprints that every document is to be live under, the active one first where there is an encoder of it. */
  written(): readonly string[];
  /** What keeps questions from being answered as they should be. */
  problems(): readonly ("reindexing" | "embedding-drift")[];
  /**
   * One step: asks the probes when it is time, makes the configured fingerprint active when nothing is missing under it, retires
   * fingerprints that nobody keeps.
   * @param lagging fingerprints that are known to lack documents now, which need not be asked about again
   * @throws AppError `ledger-unavailable`
   */
  advance(lagging?: ReadonlySet<string>): Promise<void>;
  /**
   * Looks up which fingerprint is active: in a deployment of several processes, another one may have switched it.
   * @throws AppError `ledger-unavailable`
   */
  look(): Promise<void>;
  /**
   * A step of a process that changes nothing: looks, and asks the probes when it is time.
   * @throws AppError `ledger-unavailable`
   */
  observe(): Promise<void>;
  /** @param tenant whose documents are counted: a caller must not learn how many others have */
  status(tenant: string): Promise<readonly EncoderStatus[]>;
}

interface Encoder {
  readonly embedder: Embedder;
  readonly fingerprint: string;
  readonly role: EncoderStatus["role"];
  probes: EncoderStatus["probes"];
  /** What kept the last check from being made. */
  trouble?: AppError | undefined;
}

/**
 * Pins the deployment to a fingerprint: at the very first start to the configured one, afterwards to the one in the ledger.
 * @throws AppError `ledger-unavailable`
 */
export async function openPinnedModel(options: PinnedModelOptions): Promise<PinnedModel> {
  const { ledger, configured } = options;
  if ((await ledger.activeFingerprint()) === undefined) await ledger.activate(undefined, configured.model.fingerprint);
  const pinned = new Pinned(options);
  await pinned.decide();
  return pinned;
}

class Pinned implements PinnedModel {
  readonly #options: PinnedModelOptions;
  readonly #configured: Encoder;
  readonly #previous: Encoder | undefined;
  #active = "";
  /** Nothing writes under another fingerprint, so this has to be done once per active fingerprint. */
  #retiredFor: string | undefined;
  #retired = 0;

  constructor(options: PinnedModelOptions) {
    const { configured, previous } = options;
    this.#options = options;
    this.#configured = encoderOf(configured, "configured");
    const isOther = previous !== undefined && previous.model.fingerprint !== configured.model.fingerprint;
    this.#previous = isOther ? encoderOf(previous, "previous") : undefined;
  }

  active(): string {
    return this.#active;
  }

  answering(): Embedder {
    const encoder = this.#ofActive();
    if (encoder === undefined) {
      throw new AppError("reindexing", {
        detail: "no configured embedding model is the one that the documents were indexed with",
        retryAfterS: 30,
      });
    }
    // At a start, when the stored vectors could not be read: it is not the model that is away.
    if (encoder.probes.state === "unchecked" && encoder.trouble?.code === "ledger-unavailable") {
      throw new AppError("ledger-unavailable", { retryAfterS: 1 }, { cause: encoder.trouble });
    }
    if (encoder.probes.state !== "steady") {
      const detail =
        encoder.probes.state === "drifted"
          ? "the embedding model does not give the vectors any more that the documents were indexed with"
          : "the embedding model could not be checked yet";
      throw new AppError("embedder-unavailable", { detail, retryAfterS: 30 });
    }
    return encoder.embedder;
  }

  model(): EmbeddingModel {
    return (this.#ofActive() ?? this.#configured).embedder.model;
  }

  indexing(): readonly Embedder[] {
    return this.#encoders().flatMap(({ embedder, probes }) => (probes.state === "steady" ? [embedder] : []));
  }

  written(): readonly string[] {
    return this.#encoders().map(({ fingerprint }) => fingerprint);
  }

  problems(): readonly ("reindexing" | "embedding-drift")[] {
    const drifted = this.#encoders().some(({ probes }) => probes.state === "drifted");
    return [
      ...(this.#ofActive() === undefined ? (["reindexing"] as const) : []),
      ...(drifted ? (["embedding-drift"] as const) : []),
    ];
  }

  async advance(lagging?: ReadonlySet<string>): Promise<void> {
    await this.decide(lagging);
    if (this.#retiredFor !== this.#active) await this.#retire();
  }

  /** {@link advance} without what may take long. */
  async decide(lagging: ReadonlySet<string> = new Set()): Promise<void> {
    await this.observe();
    const to = this.#configured;
    const mayBeComplete = to.probes.state === "steady" && !lagging.has(to.fingerprint);
    if (this.#active !== to.fingerprint && mayBeComplete) await this.#switch(to.fingerprint);
  }

  async observe(): Promise<void> {
    await this.look();
    for (const encoder of this.#encoders()) await this.#probe(encoder);
  }

  async look(): Promise<void> {
    this.#active = (await this.#options.ledger.activeFingerprint()) ?? this.#configured.fingerprint;
  }

  async status(tenant: string): Promise<readonly EncoderStatus[]> {
    return Promise.all(
      this.#encoders().map(async ({ embedder, fingerprint, role, probes }) => ({
        model: embedder.model,
        role,
        isActive: fingerprint === this.#active,
        missing: await this.#options.ledger.countLagging(fingerprint, tenant),
        probes,
      })),
    );
  }

  async #retire(): Promise<void> {
    const { ledger, onEvent } = this.#options;
    const active = this.#active;
    const keep = this.#encoders().map(({ fingerprint }) => fingerprint);
    for (let batch = 0; batch < retireBatches; batch++) {
      const retired = await ledger.retireOthers(keep, retireBatch);
      this.#retired += retired;
      if (retired < retireBatch) {
        this.#retiredFor = active;
        if (this.#retired > 0) onEvent({ kind: "retired", documents: this.#retired });
        this.#retired = 0;
        return;
      }
      await nextTurn();
    }
  }

  /** What is accepted between the question and the switch replaces a text that is live under both: no document is ever away. */
  async #switch(to: string): Promise<void> {
    const { ledger, isSearched, onEvent } = this.#options;
    const from = this.#active;
    if ((await ledger.lagging(to, 1)).length > 0) return;
    // Nothing is missing, and nobody has made sure yet: questions stay where they are answered.
    if ((await isSearched?.(to)) === false) return;
    const isOurs = await ledger.activate(from, to);
    await this.look();
    if (isOurs) onEvent({ kind: "switched", from, to });
  }

  async #probe(encoder: Encoder): Promise<void> {
    const { probes, clock, onEvent } = this.#options;
    const { checkedAt } = encoder.probes;
    if (checkedAt !== null && clock() - checkedAt < probeIntervalMs) return;
    const { name: model, fingerprint } = encoder.embedder.model;
    try {
      const drift = await probeDrift(encoder.embedder, probes);
      const state = drift <= toleratedDrift ? "steady" : "drifted";
      encoder.probes = { state, checkedAt: clock(), drift };
      if (state === "drifted") onEvent({ kind: "drift", model, fingerprint, drift });
    } catch (error) {
      // What it was stays: an outage says nothing about its vectors. The next step asks again.
      encoder.trouble = error instanceof AppError ? error : undefined;
      onEvent({ kind: "unchecked", model, fingerprint, error });
    }
  }

  #ofActive(): Encoder | undefined {
    return [this.#configured, this.#previous].find((encoder) => encoder?.fingerprint === this.#active);
  }

  /** Without an encoder of the active fingerprint there is one goal alone, and no time to lose on another. */
  #encoders(): readonly Encoder[] {
    const first = this.#ofActive();
    if (first === undefined) return [this.#configured];
    const second = first === this.#configured ? this.#previous : this.#configured;
    return second === undefined ? [first] : [first, second];
  }
}

function encoderOf(embedder: Embedder, role: EncoderStatus["role"]): Encoder {
  const { fingerprint } = embedder.model;
  return { embedder, fingerprint, role, probes: { state: "unchecked", checkedAt: null, drift: null } };
}
