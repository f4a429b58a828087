import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { problems } from "#core/errors.ts";

test("docs/errors.md documents every code of the catalogue with its status, and no other", () => {
  const document = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const rows = [...document.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \| (\S.*\S) \| (\S.*\S) \|$/gm)];
  const documented = rows.map(([, code, status]) => `${code} ${status}`).toSorted();
  const catalogue = Object.entries(problems).map(([code, { status }]) => `${code} ${status}`);
  expect(documented).toEqual(catalogue.toSorted());
  // A row that is not written like the others would pass unseen.
  expect(rows).toHaveLength([...document.matchAll(/^\| `/gm)].length);
});
