import { randomUUID } from "node:crypto";
import { z } from "zod";
import { AppError } from "#core/errors.ts";
import type { IndexStand } from "#core/ports/index.ts";
import {
  aliasesOf,
  type CollectionNames,
  collectionOf,
  dense,
  lexical,
  pointFormat,
  searchCollection,
  searchIndexes,
  textCollection,
  textIndexes,
} from "./schema.ts";
import { type Schemas, type Server, unavailable } from "./server.ts";
import { sizeProbe } from "./terms.ts";

/** The collections of one fingerprint, made and checked. */
export interface OpenCollections extends CollectionNames {
  readonly dimensions: number;
  readonly stand: IndexStand;
}

/** The collections were filled from another ledger than this deployment's. */
export class ForeignCollections extends Error {
  /** @param collection one that can be deleted when the other ledger is given up on purpose */
  constructor(collection: string) {
    super(`collection ${collection} was filled from another ledger`);
    this.name = "ForeignCollections";
  }
}

/** What a deployment makes collections for. */
export interface Deployment {
  /** What their names begin with. */
  readonly prefix: string;
  readonly approximate: boolean;
  /** Names the ledger that they are filled from. Absent: it is neither noted nor compared. */
  readonly ledger?: string;
  /** Whether searches wait until a collection is known to hold what is live. */
  readonly awaitsFill: boolean;
}

/** How long it is believed that the collections are those that they were, ms. */
const believedMs = 1_000;

const description = z.object({
  config: z.object({
    params: z.object({
      vectors: z.record(z.string(), z.object({ size: z.int(), distance: z.string() })).default({}),
      sparse_vectors: z.record(z.string(), z.object({ modifier: z.string().nullish() })).nullish(),
      shard_number: z.int(),
    }),
    strict_mode_config: z
      .object({
        enabled: z.boolean().nullish(),
        unindexed_filtering_retrieve: z.boolean().nullish(),
        unindexed_filtering_update: z.boolean().nullish(),
      })
      .nullish(),
    metadata: z
      .looseObject({
        fingerprint: z.string(),
        format: z.string().optional(),
        ledger: z.string().nullish(),
        instance: z.string().nullish(),
        filled: z.string().nullish(),
      })
      .nullish(),
  }),
  payload_schema: z.record(
    z.string(),
    z.object({ data_type: z.string(), params: z.looseObject({ is_tenant: z.boolean().nullish() }).nullish() }),
  ),
});

/** Makes, finds and checks the collections of fingerprints. */
export class Collections {
  readonly #server: Server;
  readonly #deployment: Deployment;
  readonly #open = new Map<string, OpenCollections>();
  /** When the collections of a fingerprint were last looked at, by the process's own clock, ms. */
  readonly #seenAt = new Map<string, number>();

  constructor(server: Server, deployment: Deployment) {
    this.#server = server;
    this.#deployment = deployment;
  }

  /**
   * The collections of a fingerprint, or `undefined` when nothing was ever written under it.
   * @throws AppError `index-unavailable` when they are not as they have to be; the cause says what is missing
   */
  async find(fingerprint: string): Promise<OpenCollections | undefined> {
    const known = this.#open.get(fingerprint);
    if (known !== undefined) return known;
    const names = aliasesOf(this.#deployment.prefix, fingerprint);
    const aliases = await this.#server.aliases();
    if (!aliases.has(names.search) || !aliases.has(names.texts)) return undefined;
    return this.#check(names, fingerprint);
  }

  /** Looks at the server again at the next question: it may have lost what was there. */
  forget(): void {
    this.#open.clear();
  }

  /**
   * The same, made if they are not there. The aliases come last, so that nobody writes before every field is indexed; two processes may do this at
   * the same time.
   */
  async ensure(fingerprint: string, dimensions: number): Promise<OpenCollections> {
    const found = await this.find(fingerprint);
    if (found !== undefined) return found;
    const { prefix, approximate, ledger, awaitsFill } = this.#deployment;
    const names = aliasesOf(prefix, fingerprint);
    const made = () => ({
      fingerprint,
      ...(ledger === undefined ? {} : { ledger }),
      ...(awaitsFill ? { instance: randomUUID() } : {}),
    });
    await this.#make(names.texts, textCollection(made()), textIndexes);
    await this.#make(names.search, searchCollection(dimensions, approximate, made()), searchIndexes, [sizeProbe]);
    return this.#check(names, fingerprint);
  }

  /** How the collections of a fingerprint stand now, `undefined` when there are none. */
  async stand(fingerprint: string): Promise<IndexStand | undefined> {
    const open = await this.find(fingerprint);
    if (open === undefined) return undefined;
    // A point like any other can get lost; every search would fail without it.
    const [probe] = await this.#server.retrieve(open.search, [sizeProbe.id], ["tenant"]);
    if (probe === undefined) await this.#server.insert(open.search, [sizeProbe]);
    return this.#look(open, fingerprint);
  }

  /** Notes that an instance holds what is live. */
  async filled(fingerprint: string, instance: string): Promise<void> {
    const { search } = aliasesOf(this.#deployment.prefix, fingerprint);
    await this.#server.setMetadata(collectionOf(search), { filled: instance });
    this.#seenAt.delete(fingerprint);
  }

  /**
   * Lets a search go on only in collections that hold what is live: new ones, made where others were lost, know nothing yet and would say so of
   * every question.
   * @throws AppError `reindexing` while they are being filled; Error when they were exchanged
   */
  async confirm(open: OpenCollections, fingerprint: string): Promise<void> {
    if (!this.#deployment.awaitsFill) return;
    const seenAt = this.#seenAt.get(fingerprint);
    const isFresh = seenAt !== undefined && performance.now() - seenAt < believedMs;
    if (isFresh && open.stand.isFilled) return;
    await this.look(open, fingerprint);
  }

  /** The same, by what the server says now. */
  async look(open: OpenCollections, fingerprint: string): Promise<void> {
    const { isFilled } = await this.#look(open, fingerprint);
    if (isFilled || !this.#deployment.awaitsFill) return;
    throw new AppError("reindexing", { detail: "the index is being filled again from the ledger", retryAfterS: 10 });
  }

  async #look(open: OpenCollections, fingerprint: string): Promise<IndexStand> {
    const described = await Promise.all([this.#server.describe(open.search), this.#server.describe(open.texts)]);
    const stand = standOf(...described);
    if (stand.instance !== open.stand.instance) {
      this.forget();
      throw new Error(`collection ${open.search} is not the one that it was`);
    }
    this.#open.set(fingerprint, { ...open, stand });
    this.#seenAt.set(fingerprint, performance.now());
    return stand;
  }

  async #make(
    alias: string,
    config: Schemas["CreateCollection"],
    indexes: Readonly<Record<string, Schemas["PayloadFieldSchema"]>>,
    points: readonly Schemas["PointStruct"][] = [],
  ): Promise<void> {
    const name = collectionOf(alias);
    try {
      if (!(await this.#server.hasCollection(name))) await this.#server.create(name, config);
    } catch (error) {
      // Another process was faster.
      if (!(await this.#server.hasCollection(name))) throw error;
    }
    for (const [field, schema] of Object.entries(indexes)) await this.#server.indexField(name, field, schema);
    if (points.length > 0) await this.#server.insert(name, points);
    await this.#server.alias(alias, name);
  }

  async #check(names: CollectionNames, fingerprint: string): Promise<OpenCollections> {
    try {
      const search = await this.#server.describe(names.search);
      const texts = await this.#server.describe(names.texts);
      const dimensions = checkSearch(names.search, search, fingerprint);
      checkTexts(names.texts, texts, fingerprint);
      this.#checkLedger(names.search, search);
      this.#checkLedger(names.texts, texts);
      const open = { ...names, dimensions, stand: standOf(search, texts) };
      this.#open.set(fingerprint, open);
      return open;
    } catch (error) {
      throw unavailable(error);
    }
  }

  #checkLedger(name: string, described: unknown): void {
    const { ledger } = description.parse(described).config.metadata ?? {};
    const mine = this.#deployment.ledger;
    if (typeof ledger === "string" && mine !== undefined && ledger !== mine) {
      throw new ForeignCollections(collectionOf(name));
    }
  }
}

/** Both collections as one: whichever of them was made anew, it is another instance. */
export function standOf(search: unknown, texts: unknown): IndexStand {
  const [searched, read] = [search, texts].map((one) => description.parse(one).config.metadata);
  const instance = `${searched?.instance ?? ""}/${read?.instance ?? ""}`;
  return { instance, isFilled: searched?.filled === instance };
}

/** What can be wrong with a collection: how it was made, its vectors, its payload indexes, or its strict mode. */
export type CollectionAspect = "making" | "vectors" | "payload-indexes" | "strict-mode";

/** One thing that is wrong with a collection; the message names it. */
export interface CollectionProblem {
  readonly aspect: CollectionAspect;
  readonly message: string;
}

/** A collection as the server describes it, and everything that is wrong with it. */
export interface CheckedCollection {
  readonly problems: readonly CollectionProblem[];
  /** Of the dense vector; `undefined` where there is none. */
  readonly dimensions: number | undefined;
  /** The ledger that it was filled from, where that has a name. */
  readonly ledger: string | undefined;
}

/**
 * Refuses a searched collection that would answer otherwise than it has to.
 * @returns the dimensions of its vectors
 * @throws Error that says what is wrong
 */
function checkSearch(name: string, described: unknown, fingerprint: string): number {
  const { problems, dimensions } = examineSearch(name, described, fingerprint);
  const [first] = problems;
  if (first !== undefined || dimensions === undefined) throw new Error(first?.message);
  return dimensions;
}

/** @throws Error that says what is wrong */
function checkTexts(name: string, described: unknown, fingerprint: string): void {
  const [first] = examineTexts(name, described, fingerprint).problems;
  if (first !== undefined) throw new Error(first.message);
}

/** Everything that is wrong with a searched collection. @throws ZodError for a description of another shape */
export function examineSearch(name: string, described: unknown, fingerprint: string): CheckedCollection {
  const read = description.parse(described);
  const problems = commonProblems(name, read, fingerprint, searchIndexes);
  const wrong = (aspect: CollectionAspect, message: string): void =>
    void problems.push({ aspect, message: `collection ${name}: ${message}` });
  const { vectors, sparse_vectors } = read.config.params;
  const vector = vectors[dense];
  if (vector === undefined) wrong("vectors", `there is no vector ${dense}`);
  else if (vector.distance !== "Cosine") wrong("vectors", `${dense} is compared by ${vector.distance}`);
  if (sparse_vectors?.[lexical]?.modifier !== "idf") wrong("vectors", `there is no sparse vector ${lexical} with idf`);
  if (read.payload_schema.tenant?.params?.is_tenant !== true) {
    wrong("payload-indexes", "the index of tenant is not made for tenants");
  }
  return { problems, dimensions: vector?.size, ledger: read.config.metadata?.ledger ?? undefined };
}

/** Everything that is wrong with a collection of texts. @throws ZodError for a description of another shape */
export function examineTexts(name: string, described: unknown, fingerprint: string): CheckedCollection {
  const read = description.parse(described);
  const problems = commonProblems(name, read, fingerprint, textIndexes);
  return { problems, dimensions: undefined, ledger: read.config.metadata?.ledger ?? undefined };
}

function commonProblems(
  name: string,
  { config, payload_schema }: z.infer<typeof description>,
  fingerprint: string,
  indexes: Readonly<Record<string, { readonly type: string }>>,
): CollectionProblem[] {
  const problems: CollectionProblem[] = [];
  const wrong = (aspect: CollectionAspect, message: string): void =>
    void problems.push({ aspect, message: `collection ${name}: ${message}` });
  const { params, metadata, strict_mode_config: strict } = config;
  if (params.shard_number !== 1) wrong("making", `${params.shard_number} shards, each with an idf of its own`);
  if (metadata?.fingerprint !== fingerprint) wrong("making", "it was made for another fingerprint");
  else if (metadata.format !== pointFormat) {
    const message = `its points have format ${metadata.format}, not ${pointFormat}; remove it, and it is made again from the ledger`;
    wrong("making", message);
  }
  const isStrict =
    strict?.enabled === true &&
    strict.unindexed_filtering_retrieve === false &&
    strict.unindexed_filtering_update === false;
  if (!isStrict) wrong("strict-mode", "strict mode lets filters over fields without an index through");
  for (const [field, { type }] of Object.entries(indexes)) {
    if (payload_schema[field]?.data_type !== type) {
      wrong("payload-indexes", `the field ${field} has no index for ${type}`);
    }
  }
  return problems;
}
