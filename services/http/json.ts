import { AppError } from "#core/errors.ts";
import { checkJsonShape } from "./json-shape.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses a JSON body. Without a reviver: that would be called for every value, and take seconds for a body full of small ones.
 * @throws AppError `malformed-request` for what is not UTF-8 or not JSON, and whatever {@link checkJsonShape} refuses
 */
export function parseJson(bytes: Buffer): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new AppError("malformed-request", { detail: "the body is not UTF-8" }, { cause });
  }
  try {
    checkJsonShape(bytes);
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    // The parser's message quotes the body.
    throw new AppError("malformed-request", { detail: "the body is not JSON" });
  }
}
