import { EndpointError } from "./endpoint-error.ts";

/** What an answer must be. */
export interface Expected {
  readonly count: number;
  readonly dimensions: number;
  /** Names that the answer may give the model, in lower case and without `:latest`; `null` = it is not looked at. */
  readonly models: ReadonlySet<string> | null;
}

/** Vectors shorter than this have no direction, longer ones are no embedding. */
const [shortest, longest] = [1e-6, 1e6];

/**
 * The vectors of an answer, in the order of the texts and of unit length. Nothing of it is believed: the model's name, the number of vectors,
 * the index of each, their length, every component and the norm are checked. A vector that is not of unit length is made so (some servers do
 * not), one without a direction is refused.
 * @throws EndpointError `wrong-answer`
 */
export function vectorsOf(answer: unknown, expected: Expected): readonly Float32Array[] {
  const { model, data } = membersOf(answer, "the answer");
  if (expected.models !== null && (typeof model !== "string" || !expected.models.has(comparableModel(model)))) {
    throw wrong("the answer comes from another model, or does not name it");
  }
  if (!Array.isArray(data)) throw wrong("the answer has no list of embeddings");
  if (data.length !== expected.count) throw wrong(`${data.length} embeddings for ${expected.count} texts`);
  const vectors = new Map<number, Float32Array>();
  for (const item of data) {
    const { index, embedding } = membersOf(item, "an embedding");
    if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= expected.count) {
      throw wrong("an embedding does not say which text it belongs to");
    }
    if (vectors.has(index)) throw wrong("two embeddings of the same text");
    vectors.set(index, unitVector(embedding, expected.dimensions));
  }
  // As many as texts, and each another one's.
  return [...vectors].toSorted(([a], [b]) => a - b).map(([, vector]) => vector);
}

/** A model's name as it is compared: some servers add a tag, or change capitals. */
export const comparableModel = (name: string): string => name.toLowerCase().replace(/:latest$/, "");

function unitVector(embedding: unknown, dimensions: number): Float32Array {
  // Base64 although floats were asked for: read as numbers it would be noise, so it is not read at all.
  if (!Array.isArray(embedding)) throw wrong("an embedding is no list of numbers");
  if (embedding.length !== dimensions) throw wrong(`${embedding.length} dimensions instead of ${dimensions}`);
  let square = 0;
  for (const value of embedding) {
    if (typeof value !== "number" || !Number.isFinite(value))
      throw wrong("an embedding holds something else than numbers");
    square += value * value;
  }
  const norm = Math.sqrt(square);
  if (!(norm >= shortest && norm <= longest)) throw wrong("an embedding has no direction");
  return Float32Array.from(embedding, (value: number) => value / norm);
}

function membersOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(`${what} is no JSON object`);
  return { ...value };
}

const wrong = (message: string): EndpointError => new EndpointError("wrong-answer", message);
