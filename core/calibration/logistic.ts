import { CalibrationError } from "./error.ts";

/** What a logistic regression is fitted to. */
export interface LogisticProblem {
  /** One row of standardised features per sample, all of the same length. */
  readonly rows: readonly Float64Array[];
  /** 1 for the positive class, 0 for the other. */
  readonly labels: ArrayLike<number>;
  /** How much each sample counts, ≥ 0. */
  readonly weights: ArrayLike<number>;
  /** C > 0, the inverse of the strength of the L2 penalty: smaller is stronger. */
  readonly regularisation: number;
}

/** A fitted linear model: log odds = bias + weights · row. */
export interface LogisticFit {
  readonly weights: Float64Array;
  readonly bias: number;
}

/** 1 / (1 + e^−x) without overflow; NaN stays NaN. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const power = Math.exp(x);
  return power / (1 + power);
}

/** log(1 + e^x) without overflow. */
export function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

const maxSteps = 100;

/**
 * Minimises ½·w·w + C·Σ sᵢ·log loss(yᵢ, bias + w·xᵢ): scikit-learn's objective of `LogisticRegression`, whose bias is not penalised
 * either. Newton's method (iteratively re-weighted least squares; Hastie, Tibshirani and Friedman, The Elements of Statistical
 * Learning, 2009, section 4.4.1) with step halving: from zero, without chance, to the same numbers every time.
 * @throws CalibrationError `bad-setting`, `one-class`, `not-finite`, `no-convergence`
 */
export function fitLogistic({ rows, labels, weights, regularisation }: LogisticProblem): LogisticFit {
  if (!(regularisation > 0 && Number.isFinite(regularisation))) {
    throw new CalibrationError("bad-setting", "the regularisation strength C is a finite number above 0");
  }
  const size = (rows[0]?.length ?? 0) + 1;
  const totals = [0, 0];
  rows.forEach((row, at) => {
    const label = labels[at];
    if (label !== 0 && label !== 1) throw new CalibrationError("not-finite", `label ${at} is neither 0 nor 1`);
    const weight = weights[at] ?? Number.NaN;
    if (!(weight >= 0 && Number.isFinite(weight)) || row.length !== size - 1 || !row.every(Number.isFinite)) {
      throw new CalibrationError("not-finite", `row ${at} or its weight holds something else than finite numbers`);
    }
    totals[label] = (totals[label] ?? 0) + weight;
  });
  if (!totals.every((total) => total > 0)) {
    throw new CalibrationError("one-class", "a logistic regression needs questions of both kinds");
  }

  // The bias is the last parameter.
  let parameters = new Float64Array(size);
  const logit = (at: Float64Array, row: Float64Array): number => {
    let sum = at[size - 1] ?? 0;
    for (let j = 0; j < size - 1; j++) sum += (at[j] ?? 0) * (row[j] ?? 0);
    return sum;
  };
  const objective = (at: Float64Array): number => {
    let sum = 0;
    rows.forEach((row, i) => {
      const z = logit(at, row);
      sum += (weights[i] ?? 0) * softplus(labels[i] === 1 ? -z : z);
    });
    let penalty = 0;
    for (let j = 0; j < size - 1; j++) penalty += (at[j] ?? 0) ** 2;
    return penalty / 2 + regularisation * sum;
  };

  let value = objective(parameters);
  const tolerance = 1e-10 * Math.max(1, regularisation * (totals[0] ?? 0) + regularisation * (totals[1] ?? 0));
  for (let step = 0; step < maxSteps; step++) {
    const { gradient, hessian } = derivatives();
    if (gradient.every((slope) => Math.abs(slope) <= tolerance)) return result();
    const direction = solve(hessian, gradient);
    let length = 1;
    let next = parameters;
    let nextValue = value;
    for (; length > 1e-12; length /= 2) {
      next = parameters.map((current, j) => current - length * (direction[j] ?? 0));
      nextValue = objective(next);
      if (nextValue <= value) break;
    }
    // Nothing lies below within the precision of the numbers: this is the minimum.
    if (!(nextValue < value)) return result();
    parameters = next;
    value = nextValue;
  }
  throw new CalibrationError("no-convergence", `the fit did not settle within ${maxSteps} steps`);

  function result(): LogisticFit {
    return { weights: parameters.slice(0, size - 1), bias: parameters[size - 1] ?? 0 };
  }

  function derivatives() {
    const gradient = new Float64Array(size);
    const hessian = Array.from({ length: size }, () => new Float64Array(size));
    const extended = new Float64Array(size);
    rows.forEach((row, i) => {
      const p = sigmoid(logit(parameters, row));
      const weight = regularisation * (weights[i] ?? 0);
      const slope = weight * (p - (labels[i] ?? 0));
      const curvature = weight * p * (1 - p);
      extended.set(row);
      extended[size - 1] = 1;
      for (let j = 0; j < size; j++) {
        const xj = extended[j] ?? 0;
        gradient[j] = (gradient[j] ?? 0) + slope * xj;
        const line = hessian[j];
        if (line !== undefined)
          for (let k = 0; k <= j; k++) line[k] = (line[k] ?? 0) + curvature * xj * (extended[k] ?? 0);
      }
    });
    for (let j = 0; j < size - 1; j++) {
      gradient[j] = (gradient[j] ?? 0) + (parameters[j] ?? 0);
      const line = hessian[j];
      if (line !== undefined) line[j] = (line[j] ?? 0) + 1;
    }
    return { gradient, hessian };
  }
}

/** Solves H·x = g for a symmetric positive definite H, of which the lower half is read, by Cholesky's decomposition. */
function solve(hessian: readonly Float64Array[], gradient: Float64Array): Float64Array {
  const size = gradient.length;
  const lower = hessian.map((line) => Float64Array.from(line));
  const at = (i: number, j: number) => lower[i]?.[j] ?? 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = at(i, j);
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k);
      const line = lower[i];
      if (line === undefined) continue;
      // A curvature of nothing (all probabilities at 0 or 1) would divide by zero; a tiny one only makes the step long.
      line[j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / at(j, j);
    }
  }
  const forward = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let sum = gradient[i] ?? 0;
    for (let k = 0; k < i; k++) sum -= at(i, k) * (forward[k] ?? 0);
    forward[i] = sum / at(i, i);
  }
  const solution = new Float64Array(size);
  for (let i = size - 1; i >= 0; i--) {
    let sum = forward[i] ?? 0;
    for (let k = i + 1; k < size; k++) sum -= at(k, i) * (solution[k] ?? 0);
    solution[i] = sum / at(i, i);
  }
  return solution;
}
