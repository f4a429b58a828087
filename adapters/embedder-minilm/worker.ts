import { parentPort, workerData } from "node:worker_threads";
import { Network } from "./forward.ts";
import { reduced } from "./shape.ts";

/** What a worker is started with. */
export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
  readonly lane: number;
}

/** One text for a worker. */
export interface WorkerJob {
  readonly job: number;
  /** Token ids with the marks at both ends. */
  readonly ids: Uint16Array;
  readonly withTokens: boolean;
}

/** What a worker says: that it is ready (no job), or a text's results; `tokens` without the marks, if asked for. */
export type WorkerReply =
  | { readonly ready: true }
  | { readonly job: number; readonly vector: Float32Array; readonly tokens: Int8Array | null }
  | { readonly job: number; readonly failure: string };

/** Passes before the first real one: V8 compiles the kernels well only after they ran for a while. */
const warmUps = 4;

if (parentPort !== null) await serve(parentPort, workerData);

async function serve(port: NonNullable<typeof parentPort>, { memory, lane }: WorkerSetup): Promise<void> {
  const network = await Network.open(memory, lane);
  for (let pass = 0; pass < warmUps; pass++) network.run(new Uint16Array(48).fill(1000), true);
  const reply = (message: WorkerReply): void => port.postMessage(message);
  port.on("message", ({ job, ids, withTokens }: WorkerJob) => {
    try {
      const { vector, tokens } = network.run(ids, withTokens);
      reply({ job, vector, tokens: tokens?.slice(reduced, -reduced) ?? null });
    } catch (error) {
      reply({ job, failure: error instanceof Error ? error.message : String(error) });
    }
  });
  reply({ ready: true });
}
