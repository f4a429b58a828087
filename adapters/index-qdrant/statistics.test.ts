import { expect, test } from "vitest";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import { keyOf } from "#test/kit/documents.ts";
import { matches } from "#test/kit/qdrant-filter.ts";
import { allOf, is } from "./filter.ts";
import { sampleOf } from "./points.ts";
import { densityOf, spreadChunks, spreadOf, spreadSearch } from "./statistics.ts";

const filter = allOf([is("tenant", "halden")]);

test("up to the bound mean and deviation are over all chunks of the filter, beyond it over a sample of about as many", () => {
  expect(spreadSearch([1], filter, spreadChunks)).toMatchObject({ filter, limit: spreadChunks });
  for (const chunks of [spreadChunks + 1, 10_000, 50_000]) {
    const search = spreadSearch([1], filter, chunks);
    const sampled = Array.from({ length: chunks }, (_, i) => chunkIdOf(keyOf(`d${i}`), 1, 0)).filter((id) =>
      matches(search.filter, id, { tenant: "halden", sample: sampleOf(id) }),
    );
    expect(Math.abs(sampled.length - spreadChunks)).toBeLessThan(200);
    // Never cut by the limit, which would leave out the least similar.
    expect(sampled.length).toBeLessThan(search.limit);
    expect(search).toMatchObject({ params: { exact: true }, with_payload: false });
  }
});

test("the sample is part of the filter: which chunks are in it depends on their ids and on the visible number alone", () => {
  const search = spreadSearch([1], filter, 100_000);
  expect(JSON.stringify(search.filter)).toContain('"tenant"');
  expect(spreadSearch([1], filter, 100_000)).toEqual(search);
  const id = chunkIdOf(keyOf("page"), 1, 0);
  expect(matches(search.filter, id, { tenant: "marlow", sample: 0 })).toBe(false);
  expect(sampleOf(id)).toBe(sampleOf(id));
});

test("of nothing both are 0 and there are no neighbours", () => {
  expect(spreadOf([])).toEqual({ mean: 0, deviation: 0 });
  expect(densityOf([])).toBeNull();
  expect(spreadOf([{ score: 0.1 }, { score: 0.3 }])).toEqual({ mean: 0.2, deviation: 0.1 });
});
