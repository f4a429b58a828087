import type { z } from "zod";

/** Texts kept per column: above it the one that was put in first is forgotten. */
const kept = 20_000;

/**
 * Reads JSON columns against a schema, each text once. A row is still read from the database every time; only the parsing of a text that was
 * parsed before is saved, and the same text always means the same value. Values are shared: nobody may change them.
 */
export function parseMemo<T>(schema: z.ZodType<T>): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const value = schema.parse(JSON.parse(text));
    known.set(text, value);
    if (known.size > kept) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
    return value;
  };
}
