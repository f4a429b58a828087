/** Why something cannot be calibrated. `code` is stable, the message is one line for a person. */
export class CalibrationError extends Error {
  override readonly name = "CalibrationError";
  readonly code: CalibrationErrorCode;

  constructor(code: CalibrationErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Stable codes of {@link CalibrationError}. */
export type CalibrationErrorCode =
  | "no-samples"
  | "one-class"
  | "too-few-groups"
  | "not-finite"
  | "missing-feature"
  | "constant-feature"
  | "no-features"
  | "no-convergence"
  | "bad-setting";
