import { z } from "zod";
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
}

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
    metadata: z.looseObject({ fingerprint: z.string(), format: z.string().optional() }).nullish(),
  }),
  payload_schema: z.record(
    z.string(),
    z.object({ data_type: z.string(), params: z.looseObject({ is_tenant: z.boolean().nullish() }).nullish() }),
  ),
});

/** Makes, finds and checks the collections of fingerprints. */
export class Collections {
  readonly #server: Server;
  readonly #prefix: string;
  readonly #approximate: boolean;
  readonly #open = new Map<string, OpenCollections>();

  constructor(server: Server, prefix: string, approximate: boolean) {
    this.#server = server;
    this.#prefix = prefix;
    this.#approximate = approximate;
  }

  /**
   * The collections of a fingerprint, or `undefined` when nothing was ever written under it.
   * @throws AppError `index-unavailable` when they are not as they have to be; the cause says what is missing
   */
  async find(fingerprint: string): Promise<OpenCollections | undefined> {
    const known = this.#open.get(fingerprint);
    if (known !== undefined) return known;
    const names = aliasesOf(this.#prefix, fingerprint);
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
    const names = aliasesOf(this.#prefix, fingerprint);
    await this.#make(names.texts, textCollection(fingerprint), textIndexes);
    await this.#make(names.search, searchCollection(dimensions, this.#approximate, fingerprint), searchIndexes, [
      sizeProbe,
    ]);
    return this.#check(names, fingerprint);
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
      const dimensions = checkSearch(names.search, await this.#server.describe(names.search), fingerprint);
      checkCommon(names.texts, await this.#server.describe(names.texts), fingerprint, textIndexes);
      const open = { ...names, dimensions };
      this.#open.set(fingerprint, open);
      return open;
    } catch (error) {
      throw unavailable(error);
    }
  }
}

/**
 * Refuses a searched collection that would answer otherwise than it has to.
 * @returns the dimensions of its vectors
 * @throws Error that says what is wrong
 */
function checkSearch(name: string, described: unknown, fingerprint: string): number {
  const { config, payload_schema } = checkCommon(name, described, fingerprint, searchIndexes);
  const { vectors, sparse_vectors } = config.params;
  const vector = vectors[dense];
  if (vector === undefined) throw new Error(`collection ${name}: there is no vector ${dense}`);
  if (vector.distance !== "Cosine") throw new Error(`collection ${name}: ${dense} is compared by ${vector.distance}`);
  if (sparse_vectors?.[lexical]?.modifier !== "idf") {
    throw new Error(`collection ${name}: there is no sparse vector ${lexical} with idf`);
  }
  if (payload_schema.tenant?.params?.is_tenant !== true) {
    throw new Error(`collection ${name}: the index of tenant is not made for tenants`);
  }
  return vector.size;
}

/** @throws Error that says what is wrong */
function checkCommon(
  name: string,
  described: unknown,
  fingerprint: string,
  indexes: Readonly<Record<string, { readonly type: string }>>,
) {
  const read = description.parse(described);
  const { params, metadata, strict_mode_config: strict } = read.config;
  if (params.shard_number !== 1) {
    throw new Error(`collection ${name}: ${params.shard_number} shards, each with an idf of its own`);
  }
  if (metadata?.fingerprint !== fingerprint) throw new Error(`collection ${name}: it was made for another fingerprint`);
  if (metadata.format !== pointFormat) {
    throw new Error(
      `collection ${name}: its points have format ${metadata.format}, not ${pointFormat}; remove it, and it is made again from the ledger`,
    );
  }
  const isStrict =
    strict?.enabled === true &&
    strict.unindexed_filtering_retrieve === false &&
    strict.unindexed_filtering_update === false;
  if (!isStrict) throw new Error(`collection ${name}: strict mode lets filters over fields without an index through`);
  for (const [field, { type }] of Object.entries(indexes)) {
    if (read.payload_schema[field]?.data_type !== type) {
      throw new Error(`collection ${name}: the field ${field} has no index for ${type}`);
    }
  }
  return read;
}
