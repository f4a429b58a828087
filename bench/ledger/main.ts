/**
 * `node bench/ledger/main.ts [documents]`: what the ledger on Redis takes on loopback, on a server of its own with `appendfsync always`: the
 * re-check of 40 documents, with records that this process has parsed before and with ones that it has not; an access change; a put; and
 * the raw commands that they must cost at least. Prints one JSON object.
 */
import { cpus, loadavg } from "node:os";
import { Redis } from "ioredis";
import { openRedisLedger } from "#adapters/ledger-redis/ledger.ts";
import { keyNames, nameOf } from "#adapters/ledger-redis/names.ts";
import type { DocumentKey } from "#core/document.ts";
import { grantTo, keyOf, noQuality, putOf, visibleTo } from "#test/kit/documents.ts";
import { startRedis } from "#test/kit/redis.ts";

const hits = 40;
const fingerprint = "bench-fingerprint";
const count = Number(process.argv[2] ?? 5_000);
const body = "The gauge sends its level to the gateway every ten minutes. ".repeat(50);

const server = await startRedis({ own: true });
if (server === undefined) throw new Error("there is no redis-server on the PATH");
try {
  const open = () => openRedisLedger({ url: server.url, clock: Date.now });
  const { ledger } = await open();
  const keys = Array.from({ length: count }, (_, number) => keyOf(`page-${number}`));
  const filled = performance.now();
  await inParallel(keys, async (key) => {
    const supersedes = Number(key.id.slice(5)) % 10 === 0 ? [{ source: "wiki", id: "page-1" }] : [];
    await ledger.putDocument(putOf(key, { body, access: accessOf(key), quality: { ...noQuality, supersedes } }));
    await ledger.announce({ key, generation: 1, fingerprint });
    const live = { key, generation: 1, fingerprint, contentVersion: 1, accessRevision: 1, chunkCount: 4 };
    await ledger.publish(live);
  });
  const fillS = (performance.now() - filled) / 1_000;

  const redis = new Redis(server.url);
  const names = keyNames("reticent");
  const sample = () =>
    Array.from({ length: hits }, () => keys[Math.floor(Math.random() * keys.length)] ?? keyOf("page-0"));
  const raw = await timesOf(2_000, () => redis.mget(sample().map((key) => names.document(nameOf(key)))));
  await timesOf(500, () => ledger.read(sample()));
  const known = await timesOf(2_000, () => ledger.read(sample()));
  const { ledger: fresh } = await open();
  let batch = 0;
  const unknown = await timesOf(Math.min(100, Math.floor(count / hits)), () =>
    fresh.read(keys.slice(batch * hits, ++batch * hits)),
  );
  await fresh.close();
  const noReplacement = keys.filter((key) => key.id !== "page-1").slice(0, hits);
  const visibility = visibleTo(["group:g1"]);
  const replacements = await timesOf(1_000, () => ledger.replacements(noReplacement, fingerprint, visibility));
  const one = sample().slice(0, 1);
  const disabled = await timesOf(1_000, () => ledger.disabledAmong("halden", ["user:erin"]));
  const readOne = await timesOf(1_000, () => ledger.read(one));
  // In turn, because a disk that others use too is fast and slow by the second.
  const [rawSet, revoke, put] = await inTurn(300, [
    () => redis.set("bench", body),
    (turn) => ledger.putAccess({ key: keys[turn] ?? keyOf("page-0"), access: grantTo("group:revoked") }),
    (turn) => {
      const key = keys[300 + turn] ?? keyOf("page-0");
      return ledger.putDocument(putOf(key, { version: 2, body, access: accessOf(key) }));
    },
  ]);
  const memory = /used_memory:(\d+)/.exec(await redis.info("memory"))?.[1];
  console.log(
    JSON.stringify(
      {
        node: process.version,
        cpu: cpus()[0]?.model,
        cores: cpus().length,
        load: loadavg()[0],
        documents: count,
        fill_documents_per_second: Math.round(count / fillS),
        bytes_per_document: Math.round(Number(memory) / count),
        raw_mget_40_ms: raw,
        recheck_40_ms: known,
        recheck_40_never_parsed_ms: unknown,
        recheck_1_ms: readOne,
        replacements_40_ms: replacements,
        disabled_1_ms: disabled,
        raw_set_fsync_always_ms: rawSet,
        put_access_ms: revoke,
        put_document_ms: put,
      },
      null,
      2,
    ),
  );
  redis.disconnect();
  await ledger.close();
} finally {
  await server.stop();
}

function accessOf(key: DocumentKey) {
  return grantTo(`group:g${Number(key.id.slice(5)) % 50}`, "group:managers");
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

async function timesOf(rounds: number, work: () => Promise<unknown>) {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return percentiles(times);
}

async function inTurn(rounds: number, works: readonly ((round: number) => Promise<unknown>)[]) {
  const times = works.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, work] of works.entries()) {
      const start = performance.now();
      await work(round);
      times[at]?.push(performance.now() - start);
    }
  }
  return times.map(percentiles);
}

function percentiles(times: readonly number[]) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN) * 1_000) / 1_000;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
