/** What is published of a model, so that nobody has to type it. */
export interface KnownModel {
  readonly dimensions: number;
  /** Longest input, in the model's own tokens, the marks around a text included. */
  readonly inputTokens: number;
  /** Who publishes it; some servers put that before the name. */
  readonly publisher: string;
  /** Put before every question and every passage: the model was trained with it. */
  readonly queryPrefix?: string;
  readonly passagePrefix?: string;
  /** Whether its vectors may be asked for in fewer dimensions. */
  readonly isShortenable?: true;
  /** Other names that the provider's own answers give it. */
  readonly aliases?: readonly string[];
}

const bgeEnglish = {
  publisher: "BAAI",
  inputTokens: 512,
  queryPrefix: "Represent this sentence for searching relevant passages: ",
};
const e5 = { publisher: "intfloat", inputTokens: 512, queryPrefix: "query: ", passagePrefix: "passage: " };

/** By the name that trust.yaml knows behind `openai/`. Figures are those of the publishers' model cards. */
export const knownModels: ReadonlyMap<string, KnownModel> = new Map<string, KnownModel>([
  [
    "text-embedding-3-small",
    { publisher: "openai", dimensions: 1536, inputTokens: 8_191, isShortenable: true as const },
  ],
  [
    "text-embedding-3-large",
    { publisher: "openai", dimensions: 3072, inputTokens: 8_191, isShortenable: true as const },
  ],
  [
    "text-embedding-ada-002",
    { publisher: "openai", dimensions: 1536, inputTokens: 8_191, aliases: ["text-embedding-ada-002-v2", "ada"] },
  ],
  ["bge-small-en-v1.5", { ...bgeEnglish, dimensions: 384 }],
  ["bge-base-en-v1.5", { ...bgeEnglish, dimensions: 768 }],
  ["bge-large-en-v1.5", { ...bgeEnglish, dimensions: 1024 }],
  ["bge-m3", { publisher: "BAAI", dimensions: 1024, inputTokens: 8_192 }],
  ["e5-small-v2", { ...e5, dimensions: 384 }],
  ["e5-base-v2", { ...e5, dimensions: 768 }],
  ["e5-large-v2", { ...e5, dimensions: 1024 }],
  ["multilingual-e5-small", { ...e5, dimensions: 384 }],
  ["multilingual-e5-base", { ...e5, dimensions: 768 }],
  ["multilingual-e5-large", { ...e5, dimensions: 1024 }],
]);

/**
 * The one name of a model that servers call differently: `BAAI/bge-m3` and `bge-m3:latest` are `bge-m3`. A name that is not known stays as
 * it is: the same last part under another publisher is another model.
 */
export function canonicalModel(name: string): string {
  const untagged = name.replace(/:latest$/, "");
  for (const [known, { publisher }] of knownModels) {
    if (untagged.toLowerCase() === known || untagged.toLowerCase() === `${publisher}/${known}`.toLowerCase())
      return known;
  }
  return name;
}
