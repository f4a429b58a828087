import type { ProbeStore } from "#core/ports/probes.ts";
import { guarded } from "./attempts.ts";
import type { RedisConnection } from "./connection.ts";
import { command } from "./script.ts";
import type { Store } from "./store.ts";

/** Probe vectors beside the documents: f32, little-endian. */
export function redisProbes(connection: RedisConnection, store: Store): ProbeStore {
  return {
    read: (fingerprint) =>
      guarded(async () => {
        const stored = await connection.send((redis) => redis.hgetallBuffer(store.names.probes(fingerprint)));
        return probeVectors(stored);
      }),
    keep: (fingerprint, vectors) =>
      guarded(async () => {
        const key = store.names.probes(fingerprint);
        const commands = [...vectors].map(([probe, vector]) => command(["HSETNX", key, probe, bytesOf(vector)]));
        if (commands.length > 0) await store.write(commands);
      }),
  };
}

/** Stored probe vectors, read. @throws TypeError */
export function probeVectors(stored: Readonly<Record<string, Buffer>>): ReadonlyMap<string, Float32Array> {
  return new Map(Object.entries(stored).map(([probe, bytes]) => [probe, floatsOf(bytes)]));
}

function bytesOf(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [at, value] of vector.entries()) bytes.writeFloatLE(value, at * 4);
  return bytes;
}

function floatsOf(bytes: Buffer): Float32Array {
  if (bytes.length % 4 !== 0) throw new TypeError("a probe's vector is not one");
  return Float32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
}
