/** The measured process: a whole service, and what its main thread does. Started by main.ts, which it talks to by messages. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { serverFor } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import { openPorts } from "#services/ports/open-ports.ts";
import { serve } from "#services/process/serve.ts";
import { residentMb, round } from "../index/figures.ts";
import { madeUpEncoder } from "./made-up-encoder.ts";

/** What the main thread did since the last report, ms. */
export interface LoopFigures {
  /** How much later than it should a timer came; other work on the machine adds to it. */
  readonly delayP50: number;
  readonly delayP99: number;
  readonly delayMax: number;
  /** Longest processor time of the main thread between two turns of the event loop's timers: nearly free of other work. */
  readonly longestBlock: number;
  /** Blocks of over 10 and 20 ms of processor time. */
  readonly over10: number;
  readonly over20: number;
  /** Processor time of the main thread, and of all threads together. */
  readonly mainThreadMs: number;
  readonly allThreadsMs: number;
  readonly rssMb: number;
}

/** What main.ts is told. */
export type FromServed = { readonly url: string; readonly startMs: number } | LoopFigures;

const [, , dataDir = "", policyDir = "", encoder = ""] = process.argv;
const started = performance.now();
const config = defaultConfig({
  port: 0,
  dataDir,
  policyDir,
  logLevel: "error",
  rateLimitPerMinute: 1_000_000,
  deadlineMs: 60_000,
});
const ports = await openPorts(config, () => {});
const embedder = encoder === "made-up" ? madeUpEncoder(ports.embedder) : ports.embedder;
const service = await serve({ ...ports, embedder }, config, serverFor(config));

const resolution = 1;
const delay = monitorEventLoopDelay({ resolution });
let blocks = { longest: 0, over10: 0, over20: 0 };
let before = threadMs();
setInterval(() => {
  const now = threadMs();
  const spent = now - before;
  before = now;
  blocks.longest = Math.max(blocks.longest, spent);
  if (spent > 10) blocks.over10 += 1;
  if (spent > 20) blocks.over20 += 1;
}, resolution);
delay.enable();

let reported = { main: threadMs(), all: process.cpuUsage() };
process.on("message", async (message) => {
  if (message === "close") {
    await service.close();
    process.exit(0);
  }
  const ms = (nanoseconds: number): number => round(Math.max(0, nanoseconds / 1e6 - resolution));
  const spent = process.cpuUsage(reported.all);
  tell({
    delayP50: ms(delay.percentile(50)),
    delayP99: ms(delay.percentile(99)),
    delayMax: ms(delay.max),
    longestBlock: round(blocks.longest),
    over10: blocks.over10,
    over20: blocks.over20,
    mainThreadMs: round(threadMs() - reported.main),
    allThreadsMs: round((spent.user + spent.system) / 1000),
    rssMb: residentMb(),
  });
  reported = { main: threadMs(), all: process.cpuUsage() };
  delay.reset();
  blocks = { longest: 0, over10: 0, over20: 0 };
});
// Whoever measures may end in the middle; nothing of it is to go on.
process.once("disconnect", () => process.exit(1));
tell({ url: service.url, startMs: Math.round(performance.now() - started) });

function tell(message: FromServed): void {
  process.send?.(message);
}

/** Processor time of this thread alone, ms. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
