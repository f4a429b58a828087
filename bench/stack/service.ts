import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import type { Role } from "#services/process/roles.ts";
import type { Place } from "./inputs.ts";
import type { FromServed } from "./served.ts";

/** A process of the service, and its HTTP API. */
export interface Service {
  /** Sends a request as somebody of one group. @returns the body. @throws Error for any status but 200 */
  call(group: string, method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>>;
  /** Processor time of the process so far, ms. */
  cpuMs(): Promise<number>;
  close(): Promise<void>;
}

/** Starts a process of a role, with the encoder that makes its vectors up. */
export async function startService(place: Place, role: Role): Promise<Service> {
  const child = fork(join(import.meta.dirname, "served.ts"), [JSON.stringify({ ...place, role })]);
  const hello = await told(child);
  if (!("url" in hello)) throw new Error("the service did not say where it is");
  const agent = new Agent({ keepAlive: true });
  const tokens = new Map<string, string>();
  return {
    async call(group, method, path, body) {
      let token = tokens.get(group);
      if (token === undefined) {
        const who = { tenant: "one", user: "gwen", groups: [group], agents: [], ttlS: 3_600, audience: "reticent" };
        token = await signToken({ dataDir: place.dataDir, ...who });
        tokens.set(group, token);
      }
      return send(agent, `${hello.url}${path}`, method, token, body);
    },
    async cpuMs() {
      child.send("report");
      const answer = await told(child);
      if ("url" in answer) throw new Error("the service started twice");
      return answer.cpuMs;
    },
    async close() {
      agent.destroy();
      const ended = once(child, "exit");
      child.send("close");
      await ended;
    },
  };
}

/** The next message of the measured process. */
function told(child: ChildProcess): Promise<FromServed> {
  return new Promise((resolve, reject) => {
    const failed = () => reject(new Error("the measured process ended"));
    child.once("exit", failed);
    child.once("message", (message) => {
      child.off("exit", failed);
      resolve(message as FromServed);
    });
  });
}

function send(
  agent: Agent,
  url: string,
  method: string,
  token: string,
  body: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json" } : {}) };
    const sent = request(url, { method, agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${response.statusCode}: ${text}`));
      });
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
