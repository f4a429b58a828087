import type { CalibrationFile } from "#core/calibration/calibration-file.ts";

const figure = { value: 0.9, low: 0.8, high: 0.95 };

/** A valid calibration file for the model of the small policy, over two features that exist. */
export function calibrationOf(overrides: Partial<CalibrationFile> = {}): CalibrationFile {
  return {
    format: 1,
    model: "test/model",
    fingerprint: "print-1",
    fitted_on: "questions of a test",
    fitted_at: "2026-11-01T00:00:00.000Z",
    audience: null,
    regularisation: 0.003,
    bias: 0.1,
    features: [
      { name: "agreement", mean: 5, scale: 2, weight: 1 },
      { name: "bm25_ratio", mean: 0.4, scale: 0.1, weight: 0.5 },
    ],
    report: {
      questions: 10,
      answerable: 5,
      groups: 4,
      auroc: figure,
      ece: figure,
      brier: figure,
      log_loss: figure,
      aurc: figure,
      answered_at_far5: figure,
      operating_points: [{ threshold: 0.55, answered_answerable: figure, answered_unanswerable: figure }],
    },
    ...overrides,
  };
}
