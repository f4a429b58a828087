import * as fc from "fast-check";
import { expect, test } from "vitest";
import { requestsOf } from "./requests.ts";

test("every search is asked once and in its order, and no request is longer than it may be, unless one search alone is", () => {
  const most = 60;
  fc.assert(
    fc.property(fc.array(fc.record({ filter: fc.string({ unit: "binary", maxLength: 80 }) })), (searches) => {
      const requests = [...requestsOf(searches, most)];
      expect(requests.flatMap(({ part }) => part)).toEqual(searches);
      expect(requests.length).toBeGreaterThanOrEqual(1);
      for (const { json, part } of requests) {
        expect(JSON.parse(json)).toEqual({ searches: part });
        const bytes = Buffer.byteLength(json) - Buffer.byteLength('{"searches":[]}');
        expect(part.length <= 1 || bytes <= most).toBe(true);
      }
    }),
  );
});
