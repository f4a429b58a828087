import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { databaseOf, redisUrlProblem } from "./url.ts";

test("a URL of a server and a database is taken, and names the database that the library connects to", () => {
  for (const [url, database] of [
    ["redis://host", 0],
    ["redis://host/", 0],
    ["redis://host:6380/0", 0],
    ["rediss://user:p%40ss%2F%3F%23w@host.example:6380/15", 15],
    ["redis://:only-a-password@[::1]:6379/123456", 123_456],
  ] as const) {
    expect(redisUrlProblem(url)).toBeUndefined();
    expect(databaseOf(url)).toBe(database);
    const redis = new Redis(url, { lazyConnect: true });
    expect(Number(redis.options.db)).toBe(database);
    redis.disconnect();
  }
});

test("everything else that the library makes something of is refused, without a word of it", () => {
  for (const url of [
    "redis://:secret@host/secret",
    "redis://:secret@host/1/secret",
    "redis://:secret@host/01",
    "redis://:secret@host/-1",
    "redis://:secret@host/1234567",
    "redis://:secret@host/%31",
    "redis://:secret@host//",
    "redis://:secret@host?family=6",
    "redis://:secret@host?",
    "redis://:secret@host/0?db=3",
    "redis://:secret@host/0#secret",
    "redis://:sec%ret@host",
    "redis://:secret@host:99999",
    "redis://:sec\nret@host",
    " redis://:secret@host",
    "redis:secret",
    "redis:///1",
    "//:secret@host",
    "host:6379",
    "6379",
    "/secret/redis.sock",
    "http://:secret@host",
    "",
  ]) {
    expect(redisUrlProblem(url)).toMatch(/^(?!.*(secret|sec%ret))[^\n]+$/);
    expect(() => databaseOf(url)).toThrow(RangeError);
  }
});
