import type { Clock } from "#core/ports/clock.ts";
import type { EmbeddingModel } from "#core/ports/embedder.ts";
import type { ServiceConfig } from "#services/config.ts";
import type { Examination } from "./examination.ts";
import type { Area } from "./settings.ts";

/** What every group of checks works on. */
export interface Context {
  readonly examination: Examination;
  readonly config: ServiceConfig;
  /** Parts that nothing can be said about because of a bad setting. */
  readonly spoilt: ReadonlyMap<Area, string>;
  /** Longest time of one check, ms. */
  readonly limitMs: number;
  readonly clock: Clock;
  /** Remembers what is to be closed when all checks have ended. */
  readonly atEnd: (close: () => unknown) => void;
}

/** Shorter than a check may take, so that it is the question that gives up and says why, ms. */
export const answerMs = ({ limitMs }: Pick<Context, "limitMs">): number => Math.max(50, Math.floor(limitMs * 0.8));

/** What lies in the ledger, whichever it is. */
export interface LedgerFacts {
  /** `null` before the first start was complete. */
  readonly active: string | null;
  /** Documents of all tenants, tombstones included. */
  readonly documents: number;
  readonly failed: number;
  /** Documents that are to be found, whether they are indexed yet or not: not deleted, and not failed. */
  readonly due: number;
  lagging(fingerprint: string): Promise<number>;
  probes(fingerprint: string): Promise<ReadonlyMap<string, Float32Array>>;
  /** Its own id, where it has one. */
  readonly id?: string;
  /** It gets an id with the first start on it, and has none yet: a new one, or one that was emptied. */
  readonly isNameless?: boolean;
  /** Present where several processes agree on one policy: the agreed revision, and whether another one was in force and was replaced. */
  readonly policy?: {
    readonly agreed: string | null;
    isSuperseded(revision: string): Promise<boolean | null>;
  };
}

/** A ledger that no process ever opened. */
export const emptyLedger: LedgerFacts = {
  active: null,
  documents: 0,
  failed: 0,
  due: 0,
  lagging: async () => 0,
  probes: async () => new Map(),
};

/** The models in use: the configured one, and the one before. */
export interface ModelsInUse {
  readonly configured: EmbeddingModel;
  readonly previous?: EmbeddingModel;
}

/** A count with its noun. */
export const many = (count: number, one: string, more = `${one}s`): string => `${count} ${count === 1 ? one : more}`;

/** The first characters of a fingerprint: enough to tell it from another one. */
export const short = (fingerprint: string): string => fingerprint.slice(0, 8);

/** Whether only this machine can reach a host, as a URL names it; a socket has none. */
export const isLoopback = (host: string): boolean => /^(localhost|127\.[\d.]+|\[::1\]|)$/.test(host);
