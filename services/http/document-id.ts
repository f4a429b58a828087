import { AppError, limitExceeded } from "#core/errors.ts";
import { limits } from "#core/limits.ts";

// Control characters would let an id pose as another in a log or a terminal.
const control = /[\p{Cc}\u2028\u2029]/u;

/**
 * Checks a document id, as it is after percent-decoding: 1 … 512 bytes of UTF-8, any characters but control characters and lone
 * surrogates. `.` and `..` are refused too: every URL library resolves them away, even percent-encoded.
 * @throws AppError `limit-exceeded`, `document-refused`
 */
export function checkDocumentId(id: string, pointer = "id"): string {
  if (Buffer.byteLength(id) > limits.documentIdBytes) {
    throw limitExceeded("document id", limits.documentIdBytes, "bytes", pointer);
  }
  if (id === "" || id === "." || id === ".." || !id.isWellFormed() || control.test(id)) {
    throw new AppError("document-refused", {
      detail: "document id: not empty, not . or .., no control characters, well-formed Unicode",
      pointer,
    });
  }
  return id;
}
