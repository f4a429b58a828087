import { z } from "zod";
import {
  aliasesOf,
  type CollectionNames,
  collectionOf,
  dense,
  lexical,
  searchCollection,
  searchIndexes,
  textCollection,
  textIndexes,
} from "./schema.ts";
import { type Schemas, type Server, unavailable } from "./server.ts";

/** The collections of one fingerprint, made and checked. */
export interface OpenCollections extends CollectionNames {
  readonly dimensions: number;
}

const description = z.object({
  config: z.object({
    params: z.object({
      vectors: z.record(z.string(), z.object({ size: z.int(), distance: z.string() })),
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
    metadata: z.looseObject({ fingerprint: z.string() }).nullish(),
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

  /**
   * The same, made if they are not there. The aliases come last, so that nobody writes before every field is indexed; two processes may do this at
   * the same time.
   */
  async ensure(fingerprint: string, dimensions: number): Promise<OpenCollections> {
    const found = await this.find(fingerprint);
    if (found !== undefined) return found;
    const names = aliasesOf(this.#prefix, fingerprint);
    await this.#make(names.texts, textCollection(fingerprint), textIndexes);
    await this.#make(names.search, searchCollection(dimensions, this.#approximate, fingerprint), searchIndexes);
    return this.#check(names, fingerprint);
  }

  async #make(
    alias: string,
    config: Schemas["CreateCollection"],
    indexes: Readonly<Record<string, Schemas["PayloadFieldSchema"]>>,
  ): Promise<void> {
    const name = collectionOf(alias);
    try {
      if (!(await this.#server.hasCollection(name))) await this.#server.create(name, config);
    } catch (error) {
      // Another process was faster.
      if (!(await this.#server.hasCollection(name))) throw error;
    }
    for (const [field, schema] of Object.entries(indexes)) await this.#server.indexField(name, field, schema);
    await this.#server.alias(alias, name);
  }

  async #check(names: CollectionNames, fingerprint: string): Promise<OpenCollections> {
    const open = { ...names, dimensions: await this.#checkSearch(names.search, fingerprint) };
    this.#open.set(fingerprint, open);
    return open;
  }

  /** @returns the dimensions */
  async #checkSearch(alias: string, fingerprint: string): Promise<number> {
    try {
      const { config, payload_schema } = description.parse(await this.#server.describe(alias));
      const refuse = (why: string): never => {
        throw new Error(`collection ${alias}: ${why}`);
      };
      const { vectors, sparse_vectors, shard_number } = config.params;
      const vector = vectors[dense] ?? refuse(`there is no vector ${dense}`);
      if (vector.distance !== "Cosine") refuse(`${dense} is compared by ${vector.distance}`);
      if (sparse_vectors?.[lexical]?.modifier !== "idf") refuse(`there is no sparse vector ${lexical} with idf`);
      if (shard_number !== 1) refuse(`${shard_number} shards, each with an idf of its own`);
      if (config.metadata?.fingerprint !== fingerprint) refuse(`it was made for another fingerprint`);
      const strict = config.strict_mode_config;
      if (
        strict?.enabled !== true ||
        strict.unindexed_filtering_retrieve !== false ||
        strict.unindexed_filtering_update !== false
      ) {
        refuse("strict mode lets filters over fields without an index through");
      }
      for (const [field, { type }] of Object.entries(searchIndexes)) {
        const index = payload_schema[field];
        if (index?.data_type !== type) refuse(`the field ${field} has no index for ${type}`);
        if (field === "tenant" && index?.params?.is_tenant !== true)
          refuse("the index of tenant is not made for tenants");
      }
      return vector.size;
    } catch (error) {
      throw unavailable(error);
    }
  }
}
