import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { signToken } from "#adapters/identity-jose/embedded.ts";

/** A service in a process of its own, so that whoever measures it takes none of its time, and its HTTP API. */
export interface MeasuredProcess<Hello, Report> {
  /** What it said when it began to listen. */
  readonly hello: Hello;
  /** Sends a request as somebody of one group of tenant `one`. @returns the body. @throws Error for any status but 200 */
  call(group: string, method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>>;
  /** Asks the process for its figures. */
  report(): Promise<Report>;
  close(): Promise<void>;
}

/**
 * Starts a program that says its URL when it listens, answers the message `report`, and ends at the message `close`.
 * @param dataDir where the key lies that tokens are signed with
 * @throws Error when it ends before it says anything
 */
export async function startMeasured<Hello extends { readonly url: string }, Report extends object>(
  program: string,
  args: readonly string[],
  dataDir: string,
  execArgv: readonly string[] = process.execArgv,
): Promise<MeasuredProcess<Hello, Report>> {
  const child = fork(program, args, { execArgv: [...execArgv] });
  const isHello = (told: Hello | Report): told is Hello => "url" in told;
  const hello = await nextOf<Hello | Report>(child);
  if (!isHello(hello)) throw new Error("the service did not say where it is");
  const agent = new Agent({ keepAlive: true });
  const tokens = new Map<string, string>();
  return {
    hello,
    async call(group, method, path, body) {
      let token = tokens.get(group);
      if (token === undefined) {
        const who = { tenant: "one", user: "gwen", groups: [group], agents: [], ttlS: 3_600, audience: "reticent" };
        token = await signToken({ dataDir, ...who });
        tokens.set(group, token);
      }
      return send(agent, `${hello.url}${path}`, method, token, body);
    },
    async report() {
      child.send("report");
      const report = await nextOf<Hello | Report>(child);
      if (isHello(report)) throw new Error("the service started twice");
      return report;
    },
    async close() {
      agent.destroy();
      const ended = once(child, "exit");
      child.send("close");
      await ended;
    },
  };
}

/** The next message of a process. */
function nextOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const failed = () => reject(new Error("the measured process ended"));
    child.once("exit", failed);
    child.once("message", (message) => {
      child.off("exit", failed);
      resolve(message as T);
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
