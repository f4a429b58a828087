import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { round, type Timing } from "../index/figures.ts";

/** p50 and p95 of what was taken, ms. */
export function spread(taken: readonly number[]): Timing {
  const sorted = taken.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { p50: at(0.5), p95: at(0.95) };
}

/** How long a step takes, ms. */
export async function timed(step: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await step();
  return performance.now() - start;
}

/** Processor time of another process so far, ms; 0 where the system does not tell. */
export function processorMs(pid: number | undefined): number {
  const [utime = 0, stime = 0] = (readProc(pid, "stat").split(") ")[1] ?? "").split(" ").slice(11, 13).map(Number);
  // A hundred ticks a second, as everywhere on Linux.
  return (utime + stime) * 10;
}

/** Resident memory of another process in MB: all of it, and what is neither a file nor shared; 0 where the system does not tell. */
export function memoryMb(pid: number | undefined): { readonly all: number; readonly anonymous: number } {
  const status = readProc(pid, "status");
  const of = (name: string) => Math.round(Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(status)?.[1] ?? 0) / 1_024);
  return { all: of("VmRSS"), anonymous: of("RssAnon") };
}

/** What the files of a folder take on the disk, MB. */
export function diskMb(folder: string): number {
  const blocks = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => {
    try {
      return statSync(join(folder, name)).blocks;
    } catch {
      // Gone meanwhile.
      return 0;
    }
  });
  return Math.round((blocks.reduce((sum, one) => sum + one, 0) * 512) / 1e6);
}

function readProc(pid: number | undefined, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
