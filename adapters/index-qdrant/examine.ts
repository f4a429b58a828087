import { z } from "zod";
import type { IndexStand } from "#core/ports/index.ts";
import { dense, lexical, pointFormat, searchIndexes, textIndexes } from "./schema.ts";

/** What is read of the server's description of a collection. */
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
        held: z.string().nullish(),
      })
      .nullish(),
  }),
  payload_schema: z.record(
    z.string(),
    z.object({ data_type: z.string(), params: z.looseObject({ is_tenant: z.boolean().nullish() }).nullish() }),
  ),
});

/** The ledger that a collection was filled from, where that has a name. @throws ZodError for a description of another shape */
export function ledgerOf(described: unknown): string | undefined {
  return description.parse(described).config.metadata?.ledger ?? undefined;
}

/** Both collections as one: whichever of them was made anew, it is another instance. */
export function standOf(search: unknown, texts: unknown): IndexStand {
  const [searched, read] = [search, texts].map((one) => description.parse(one).config.metadata);
  const instance = `${searched?.instance ?? ""}/${read?.instance ?? ""}`;
  const isHeld = (searched?.held ?? "") !== "";
  return { instance, isFilled: searched?.filled === instance && !isHeld, isHeld };
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
