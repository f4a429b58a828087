import { join } from "node:path";
import type { Role } from "#services/process/roles.ts";
import { type MeasuredProcess, startMeasured } from "../kit/measured-process.ts";
import type { Place } from "./inputs.ts";
import type { FromServed } from "./served.ts";

/** A process of the service, and its HTTP API. */
export interface Service extends Pick<MeasuredProcess<object, object>, "call" | "close"> {
  /** Processor time of the process so far, ms. */
  cpuMs(): Promise<number>;
}

type Hello = Extract<FromServed, { readonly url: string }>;
type Report = Exclude<FromServed, Hello>;

/** Starts a process of a role, with the encoder that makes its vectors up. */
export async function startService(place: Place, role: Role): Promise<Service> {
  const program = join(import.meta.dirname, "served.ts");
  const measured = await startMeasured<Hello, Report>(program, [JSON.stringify({ ...place, role })], place.dataDir);
  return {
    call: (...request) => measured.call(...request),
    cpuMs: async () => (await measured.report()).cpuMs,
    close: () => measured.close(),
  };
}
