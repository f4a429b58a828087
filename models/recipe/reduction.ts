import { hidden, reduced } from "#adapters/embedder-minilm/shape.ts";

/** Sums of products of components over many unit vectors: what a principal component analysis starts from. */
export class Moments {
  readonly #sums = new Float64Array(hidden * hidden);

  /** @param rows vectors of {@link hidden} components each, any length; each is taken at unit length */
  add(rows: Float32Array, weight: number): void {
    for (let start = 0; start < rows.length; start += hidden) {
      const row = rows.subarray(start, start + hidden);
      const square = row.reduce((sum, value) => sum + value * value, 0);
      row.forEach((left, i) => {
        const factor = (weight * left) / square;
        for (let j = 0; j < hidden; j++) {
          this.#sums[i * hidden + j] = (this.#sums[i * hidden + j] ?? 0) + factor * (row[j] ?? 0);
        }
      });
    }
  }

  /**
   * The {@link hidden} × {@link reduced} matrix onto the directions that hold most of the vectors' products. Not centred: cosines
   * are what must survive. Each direction's largest component is positive.
   */
  reduction(): Float32Array {
    const { values, vectors } = eigen(this.#sums, hidden);
    const order = [...values.keys()].toSorted((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b).slice(0, reduced);
    const matrix = new Float32Array(hidden * reduced);
    order.forEach((from, column) => {
      let most = 0;
      for (let row = 0; row < hidden; row++) {
        const value = vectors[row * hidden + from] ?? 0;
        if (Math.abs(value) > Math.abs(most)) most = value;
      }
      for (let row = 0; row < hidden; row++) {
        matrix[row * reduced + column] = Math.sign(most) * (vectors[row * hidden + from] ?? 0);
      }
    });
    return matrix;
  }
}

/**
 * Eigenvalues and eigenvectors (in columns) of a symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan, Matrix
 * Computations, section 8.5). Only + − × ÷ and square roots in a fixed order: the same bits everywhere.
 */
function eigen(matrix: Float64Array, size: number): { values: Float64Array; vectors: Float64Array } {
  const a = Float64Array.from(matrix);
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1;
  const at = (row: number, column: number): number => a[row * size + column] ?? 0;
  for (let sweep = 0; sweep < 12; sweep++) {
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) {
        const off = at(p, q);
        if (Math.abs(off) < 1e-14 * Math.sqrt(Math.abs(at(p, p) * at(q, q)))) continue;
        const theta = (at(q, q) - at(p, p)) / (2 * off);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const cosine = 1 / Math.sqrt(t * t + 1);
        const sine = t * cosine;
        rotate(a, { first: p * size, second: q * size, step: 1, size, cosine, sine });
        rotate(a, { first: p, second: q, step: size, size, cosine, sine });
        rotate(vectors, { first: p, second: q, step: size, size, cosine, sine });
      }
    }
  }
  return { values: Float64Array.from({ length: size }, (_, i) => at(i, i)), vectors };
}

interface Rotation {
  readonly first: number;
  readonly second: number;
  readonly step: number;
  readonly size: number;
  readonly cosine: number;
  readonly sine: number;
}

function rotate(values: Float64Array, { first, second, step, size, cosine, sine }: Rotation): void {
  for (let k = 0; k < size; k++) {
    const [i, j] = [first + k * step, second + k * step];
    const [x, y] = [values[i] ?? 0, values[j] ?? 0];
    values[i] = cosine * x - sine * y;
    values[j] = sine * x + cosine * y;
  }
}
