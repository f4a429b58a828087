import { AppError } from "#core/errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses a JSON body.
 * @throws AppError `malformed-request` for what is not UTF-8, not JSON, or has a member (`__proto__`, `constructor.prototype`) that could
 * change what other objects are.
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new AppError("malformed-request", { detail: "the body is not UTF-8" }, { cause });
  }
  try {
    return JSON.parse(text, refusePoison);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    // The parser's message quotes the body.
    throw new AppError("malformed-request", { detail: "the body is not JSON" });
  }
}

function refusePoison(key: string, value: unknown): unknown {
  const poisoned =
    key === "__proto__" ||
    (key === "constructor" && typeof value === "object" && value !== null && Object.hasOwn(value, "prototype"));
  if (poisoned) throw new AppError("malformed-request", { detail: `a member named ${key} is not accepted` });
  return value;
}
