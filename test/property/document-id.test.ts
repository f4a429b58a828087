import { get } from "node:http";
import * as fc from "fast-check";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import { checkDocumentId } from "#services/http/document-id.ts";
import { makeServer } from "#services/http/server.ts";

let app: FastifyInstance;
let url: string;
beforeAll(async () => {
  app = makeServer({ logLevel: "silent", deadlineMs: 5_000 });
  app.get<{ Params: { source: string; id: string } }>("/v1/documents/:source/:id", async ({ params }) => ({
    id: checkDocumentId(params.id),
  }));
  app.get<{ Params: { id: string } }>("/v1/documents/:source/:id/acl", async ({ params }) => ({
    acl: checkDocumentId(params.id),
  }));
  url = await app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => app.close());

const ask = async (segment: string, suffix = "") => {
  const response = await fetch(`${url}/v1/documents/wiki/${segment}${suffix}`);
  return { status: response.status, body: await response.json() };
};

const control = /[\p{Cc}\u2028\u2029]/u;
const goodId = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom("/", "#", "@", "%", "?", " ", "+", ";", ":", "%2F", "%25", ".", "é", "雪", "🦉"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 200,
  })
  .filter((id) => id.isWellFormed() && !control.test(id) && id !== "." && id !== "..")
  .filter((id) => Buffer.byteLength(id) <= limits.documentIdBytes);

test("every well-formed id of up to 512 bytes arrives as it was sent", async () => {
  await fc.assert(
    fc.asyncProperty(goodId, async (id) => {
      expect(await ask(encodeURIComponent(id))).toEqual({ status: 200, body: { id } });
      expect(await ask(encodeURIComponent(id), "/acl")).toEqual({ status: 200, body: { acl: id } });
    }),
    {
      numRuns: 200,
      examples: [
        "/",
        "%",
        "%2F",
        "%25",
        "%2525",
        "a/b",
        "a?b=c",
        "a#b",
        "a@b;c",
        " ",
        "+",
        "acl",
        "../..",
        "%zz",
        "%C3%A9",
      ].map((id) => [id]),
    },
  );
});

test("an id of exactly 512 bytes is taken, however it has to be encoded; one byte more is refused by name", async () => {
  for (const unit of ["a", "/", "%", "é", "🦉"]) {
    const id = unit.repeat(limits.documentIdBytes / Buffer.byteLength(unit));
    expect([unit, await ask(encodeURIComponent(id))]).toEqual([unit, { status: 200, body: { id } }]);
    expect([unit, await ask(encodeURIComponent(`${id}x`))]).toMatchObject([
      unit,
      {
        status: 422,
        body: { code: "limit-exceeded", limit: { name: "document id", max: limits.documentIdBytes }, pointer: "id" },
      },
    ]);
  }
  expect(await ask("x".repeat(20_000))).toMatchObject({ status: 422, body: { code: "limit-exceeded" } });
});

test("malformed escapes are 400, and control characters 422", async () => {
  for (const segment of ["%", "%2", "%zz", "%ff", "%C3", "%ED%A0%80", "a%E2%28%A1"]) {
    expect([segment, await ask(segment)]).toMatchObject([
      segment,
      { status: 400, body: { code: "malformed-request" } },
    ]);
  }
  for (const segment of ["%00", "a%0Ab", "%7F", "%C2%85", "%E2%80%A8"]) {
    expect([segment, await ask(segment)]).toMatchObject([segment, { status: 422, body: { code: "document-refused" } }]);
  }
});

test("dots alone are refused where a client sends them as they are", async () => {
  const { hostname, port } = new URL(url);
  for (const segment of [".", "..", "%2e", "%2E%2e", ".%2e"]) {
    // Not through fetch, which resolves dot segments before it sends anything.
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const path = `/v1/documents/wiki/${segment}`;
      get({ hostname, port, path, agent: false }, (response) => resolve(response.resume().statusCode)).on(
        "error",
        reject,
      );
    });
    expect([segment, answer]).toEqual([segment, 422]);
  }
  for (const id of [".", "..", "", "\ud800", "a\udc00"]) {
    expect(() => checkDocumentId(id)).toThrow("document id");
  }
});
