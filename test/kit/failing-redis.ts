import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** What a Redis does instead of answering as it should, by name. */
export const redisFaults = {
  "refuses connections": "refused",
  hangs: "hang",
  "does what it is told and loses its replies": "lost-replies",
  "answers every command with an error": "-LOADING Redis is loading the dataset in memory\r\n",
  "answers garbage": "HTTP/1.1 400 Bad Request\r\n\r\n",
  "answers another type": ":42\r\n",
  "answers with nothing": "$-1\r\n",
  "answers with an empty list": "*0\r\n",
} as const;

/** A fault; `slow` = right, after a while; any other text is the reply to each command. */
export type RedisFault = (typeof redisFaults)[keyof typeof redisFaults] | "slow" | null;

/** A TCP server between a client and a Redis, whose misbehaviour a test decides. */
export interface FailingRedis {
  /** A URL with the path of the one behind it. */
  readonly url: string;
  /** What was under way loses its reply, so that only {@link FailingRedis.end} leads back, but for connections on which nothing was. */
  begin(fault: RedisFault): Promise<void>;
  /** Everything passes again, on connections that lost nothing. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/** How much later a slow reply comes, ms. */
const lateMs = 20;

/** Starts one before a Redis. */
export async function failingRedis(target: string): Promise<FailingRedis> {
  const { port: targetPort, pathname } = new URL(target);
  const sockets = new Set<Socket>();
  let fault: RedisFault = null;
  const server = createServer((client) => {
    const upstream = connect(Number(targetPort), "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // Whatever becomes of one side, the other sees an end.
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    const commands = commandCounter();
    client.on("data", (bytes: Buffer) => {
      const count = commands(bytes);
      if (fault === null || fault === "slow" || fault === "lost-replies") upstream.write(bytes);
      else if (fault !== "hang" && fault !== "refused") client.write(fault.repeat(count));
    });
    upstream.on("data", (bytes: Buffer) => {
      if (fault === null) client.write(bytes);
      else if (fault === "slow") setTimeout(() => client.writable && client.write(bytes), lateMs);
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  const listen = async (at: number): Promise<number> => {
    server.listen(at, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port was given");
    return address.port;
  };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = async () => {
    cut();
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    await closed;
  };
  const port = await listen(0);
  return {
    url: `redis://127.0.0.1:${port}${pathname}`,
    async begin(next) {
      fault = next;
      if (next === "refused") await stop();
    },
    async end() {
      fault = null;
      // A connection that missed a reply would take every later one for the one before.
      cut();
      if (!server.listening) await listen(port);
    },
    close: stop,
  };
}

/** Counts the whole commands in what a client sends: arrays of bulk strings. */
function commandCounter(): (bytes: Buffer) => number {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    let count = 0;
    for (let end = endOfCommand(rest); end !== undefined; end = endOfCommand(rest)) {
      rest = rest.subarray(end);
      count += 1;
    }
    return count;
  };
}

function endOfCommand(bytes: Buffer): number | undefined {
  let at = 0;
  const line = (): number | undefined => {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const number = Number(bytes.subarray(at + 1, end).toString());
    at = end + 2;
    return number;
  };
  const words = line();
  if (words === undefined) return undefined;
  for (let word = 0; word < words; word += 1) {
    const length = line();
    if (length === undefined) return undefined;
    at += length + 2;
  }
  return at <= bytes.length ? at : undefined;
}
