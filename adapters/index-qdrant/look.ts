import { z } from "zod";
import { type CollectionProblem, examineSearch, examineTexts, standOf } from "./examine.ts";
import { defaultPrefix } from "./qdrant-index.ts";
import { aliasesOf } from "./schema.ts";
import { Server } from "./server.ts";

const healthSchema = z.object({
  status: z.string(),
  optimizer_status: z.unknown(),
  points_count: z.int().nonnegative().nullish(),
});

const worst = ["red", "grey", "yellow", "green"];

/** The collections of a fingerprint as they are, whatever is wrong with them. */
export interface CollectionsLook {
  readonly problems: readonly CollectionProblem[];
  /** Length of the dense vectors; `undefined` where there are none. */
  readonly dimensions: number | undefined;
  /** The ledgers that they were filled from, as far as those have names. */
  readonly ledgers: readonly string[];
  /** Whether they are known to hold what is live: until then nothing is searched. */
  readonly isFilled: boolean;
  /** Chunks; the server's own, not quite exact count. */
  readonly points: number;
  /** The worse of what the server says of the two: `green` is well, `yellow` is at work, `grey` waits for a write, `red` has failed. */
  readonly status: string;
  readonly isOptimizerWell: boolean;
}

/** A Qdrant server that is looked at and never written to. */
export interface QdrantLook {
  /** Answered without the key. @throws AppError `index-unavailable` */
  version(): Promise<string>;
  /** Answered to who has the key. @throws AppError `index-unavailable` */
  aliases(): Promise<ReadonlySet<string>>;
  /**
   * The collections of a fingerprint.
   * @returns the names of the aliases that are missing, when any is
   * @throws AppError `index-unavailable`; ZodError for a description of another shape
   */
  collections(fingerprint: string): Promise<CollectionsLook | readonly string[]>;
}

/** Opens nothing: every question is a request of its own. */
export function lookAtQdrant(options: {
  readonly url: string;
  readonly apiKey?: string;
  readonly timeoutMs: number;
  readonly prefix?: string;
}): QdrantLook {
  const { prefix = defaultPrefix, ...where } = options;
  const server = new Server({ ...where, onTrouble: () => {} });
  const aliases = async (): Promise<ReadonlySet<string>> => new Set((await server.aliases()).keys());
  return {
    version: () => server.version(),
    aliases,
    async collections(fingerprint) {
      const names = aliasesOf(prefix, fingerprint);
      const known = await aliases();
      const missing = [names.search, names.texts].filter((name) => !known.has(name));
      if (missing.length > 0) return missing;
      const described = await server.describe(names.search);
      const search = examineSearch(names.search, described, fingerprint);
      const describedTexts = await server.describe(names.texts);
      const texts = examineTexts(names.texts, describedTexts, fingerprint);
      const health = [described, describedTexts].map((one) => healthSchema.parse(one));
      return {
        problems: [...search.problems, ...texts.problems],
        dimensions: search.dimensions,
        ledgers: [search, texts].flatMap(({ ledger }) => ledger ?? []),
        isFilled: standOf(described, describedTexts).isFilled,
        // Of the texts: among the searched points is one that is no chunk.
        points: health[1]?.points_count ?? 0,
        status: worst.find((one) => health.some(({ status }) => status === one)) ?? "unknown",
        isOptimizerWell: health.every(({ optimizer_status }) => optimizer_status === "ok"),
      };
    },
  };
}
