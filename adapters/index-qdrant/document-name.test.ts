import * as fc from "fast-check";
import { expect, test } from "vitest";
import { keyString } from "#core/document.ts";
import { keyOf } from "./document-name.ts";

test("the document is read back from its name, whatever its parts hold", () => {
  const part = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("1:a", ":", "12", "日本", "😀"));
  fc.assert(
    fc.property(part, part, part, (tenant, source, id) => {
      expect(keyOf(keyString({ tenant, source, id }))).toEqual({ tenant, source, id });
    }),
  );
});

test("what is no name is refused", () => {
  for (const name of ["", "a", "3:on", "3:one", "3:one9:x", "-1:a1:b", "1.5:a1:bc", ":a1:b"]) {
    expect(() => keyOf(name)).toThrow("a name that is none");
  }
});
