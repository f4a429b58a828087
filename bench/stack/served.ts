/** A measured process of the full stack. Started by service.ts, which it talks to by messages. */
import { serverFor } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import { openPorts } from "#services/ports/open-ports.ts";
import type { Role } from "#services/process/roles.ts";
import { serve } from "#services/process/serve.ts";
import { madeUpEncoder } from "../retrieve/made-up-encoder.ts";
import type { Place } from "./inputs.ts";

/** What the process says: where it is, once it listens, and its processor time so far whenever it is asked. */
export type FromServed = { readonly url: string } | { readonly cpuMs: number };

const { role, ...place }: Place & { readonly role: Role } = JSON.parse(process.argv[2] ?? "");
const { redisUrl: url } = place;
const config = defaultConfig({
  role,
  port: 0,
  dataDir: place.dataDir,
  policyDir: place.policyDir,
  embedder: place.encoder,
  adapters: { ledger: "redis", index: "qdrant", queue: "bullmq", traces: "redis" },
  redis: { url, queueUrl: url, durability: "always", namespace: "reticent" },
  qdrant: { url: place.qdrantUrl, exactChunks: 1_000_000, isApproximateAllowed: false, namespace: "reticent" },
  rateLimitPerMinute: 1_000_000,
  deadlineMs: 30_000,
  graceMs: 60_000,
  logLevel: "error",
});
const ports = await openPorts(config, () => {});
const service = await serve({ ...ports, embedder: madeUpEncoder(ports.embedder) }, config, serverFor(config));
const tell = (message: FromServed): void => void process.send?.(message);

process.on("message", async (message) => {
  if (message === "close") {
    await service.close();
    process.exit(0);
  }
  const { user, system } = process.cpuUsage();
  tell({ cpuMs: (user + system) / 1_000 });
});
// Whoever measures may end in the middle; nothing of it is to go on.
process.once("disconnect", () => process.exit(1));
tell({ url: service.url });
