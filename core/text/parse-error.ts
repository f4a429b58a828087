import type { IndexFailure } from "../document.ts";

/** Why a body cannot be indexed. The document ends in the visible state `failed` with this code. */
export class ParseError extends Error {
  readonly code: IndexFailure["code"];

  constructor(code: IndexFailure["code"], message: string) {
    super(message);
    this.name = "ParseError";
    this.code = code;
  }
}
