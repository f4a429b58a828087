/** The shape of the network (its config.json), and how the model file is laid out. */

/** Width of a token's vector between the layers. */
export const hidden = 384;
/** Width inside the feed-forward halves. */
export const wide = 1536;
export const layers = 6;
export const heads = 12;
/** Width of one attention head. */
export const headWidth = hidden / heads;
/** Tokens of the vocabulary. */
export const vocabularySize = 30_522;
/** Longest sequence that the model is used with, the marks at its two ends included. */
export const maxSequence = 256;
/** Width of a token's reduced output. */
export const reduced = 64;

/** Output channels of a matrix that lie together: each four of its inputs, then the next four inputs. */
export const panel = 8;

/** Names the layout below; the first bytes of a model file. */
export const magic = "RETMLM02";

/** The pieces of the model file: their names and sizes in bytes, in order. The first one starts after 64 bytes of header. */
export interface Piece {
  readonly name: string;
  readonly bytes: number;
}

/** Bytes of the header: {@link magic}, then zeros. */
export const headerBytes = 64;

/** Every piece of the model file. All sizes are multiples of 16 bytes, so that every piece is aligned for vectors. */
export function pieces(): readonly Piece[] {
  const all: Piece[] = [
    { name: "words", bytes: vocabularySize * hidden },
    { name: "wordScales", bytes: roundUp(vocabularySize * 4, 16) },
    { name: "positions", bytes: maxSequence * hidden * 4 },
    ...norm("embeddingNorm"),
  ];
  for (let layer = 0; layer < layers; layer++) {
    all.push(
      ...levels(`${layer}.attention`),
      ...matrix(`${layer}.attention`, hidden, 3 * hidden),
      ...matrix(`${layer}.mix`, hidden, hidden),
      ...norm(`${layer}.mixNorm`),
      ...levels(`${layer}.widen`),
      ...matrix(`${layer}.widen`, hidden, wide),
      ...matrix(`${layer}.narrow`, wide, hidden),
      ...norm(`${layer}.narrowNorm`),
    );
  }
  all.push({ name: "reduction", bytes: hidden * reduced * 4 });
  return all;
}

/** Where each piece starts, counted from the first byte of the file. */
export function offsets(): { readonly at: ReadonlyMap<string, number>; readonly total: number } {
  const at = new Map<string, number>();
  let total = headerBytes;
  for (const piece of pieces()) {
    at.set(piece.name, total);
    total += piece.bytes;
  }
  return { at, total };
}

function norm(name: string): Piece[] {
  return [
    { name: `${name}.gain`, bytes: hidden * 4 },
    { name: `${name}.bias`, bytes: hidden * 4 },
  ];
}

/** What brings a matrix's inputs to one level before they are rounded: `(input - offset) · factor`, both f32 per component. */
function levels(name: string): Piece[] {
  return [
    { name: `${name}.offset`, bytes: hidden * 4 },
    { name: `${name}.factor`, bytes: hidden * 4 },
  ];
}

/** `scale`: of a channel's bytes. `sum`: of a channel's weights. `bias`: of a channel, for inputs at the matrix's level. All f32. */
function matrix(name: string, inputs: number, outputs: number): Piece[] {
  return [
    { name: `${name}.weights`, bytes: inputs * outputs },
    { name: `${name}.scale`, bytes: outputs * 4 },
    { name: `${name}.sum`, bytes: outputs * 4 },
    { name: `${name}.bias`, bytes: outputs * 4 },
  ];
}

/** The next multiple. */
export function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
