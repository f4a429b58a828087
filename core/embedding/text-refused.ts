import { AppError } from "../errors.ts";

/**
 * A text that the model refuses however often it is asked, while it takes others: no outage, so whoever indexes it may give it up.
 * To a caller it is `embedder-unavailable` like every failure of an encoder.
 */
export class TextRefused extends AppError {
  constructor(options?: ErrorOptions) {
    super("embedder-unavailable", { detail: "the embedding model refuses the text" }, options);
  }
}
