import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What becomes of the bytes of one direction: they go on, wait to be released, are dropped, or are swapped for others. */
type Flow = "pass" | "keep" | "lose" | "garbage";

/** A TCP proxy between a client and a server, whose misbehaviour a test decides. */
export interface TcpProxy {
  readonly port: number;
  /** The server behind the proxy does not listen any more: connections are cut, new ones are refused. */
  refuse(): Promise<void>;
  /** Requests do not arrive; they are delivered by {@link TcpProxy.pass}, even if the client has gone meanwhile. */
  keepRequests(): void;
  /** Connections stay open and new ones are accepted, but nothing passes; it is delivered by {@link TcpProxy.pass}. */
  hang(): void;
  /** Every piece of every answer comes later by this time, ms. */
  slow(ms: number): void;
  /** Requests arrive and are done, their replies do not come back. */
  loseReplies(): void;
  /** Replies are other bytes than the server's. */
  garble(): void;
  /** Everything passes from now on, what was kept first. Listens again after {@link TcpProxy.refuse}. */
  pass(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a proxy to a port, of this machine unless said otherwise. */
export async function startProxy(target: number | { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const { host, port: targetPort } = typeof target === "number" ? { host: "127.0.0.1", port: target } : target;
  const sockets = new Set<Socket>();
  const kept: (() => void)[] = [];
  let requests: Flow = "pass";
  let replies: Flow = "pass";
  let delayMs = 0;
  const server: Server = createServer((client) => {
    const upstream = connect(targetPort, host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // Whatever becomes of one side, the other sees an end.
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("data", (bytes: Buffer) => {
      if (requests === "keep") kept.push(() => upstream.write(bytes));
      else upstream.write(bytes);
    });
    client.on("close", () => {
      // What is kept is still to be delivered, as by a network that was slow.
      if (requests === "keep") kept.push(() => upstream.end());
      else upstream.destroy();
    });
    const answer = (bytes: Buffer): void => {
      if (!client.destroyed) client.write(bytes);
    };
    upstream.on("data", (bytes: Buffer) => {
      if (replies === "keep") kept.push(() => answer(bytes));
      else if (replies === "garbage") answer(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
      else if (replies === "pass" && delayMs === 0) answer(bytes);
      // Timers of one length come in their order.
      else if (replies === "pass") setTimeout(answer, delayMs, bytes);
    });
    upstream.on("close", () => client.destroy());
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port was given");
    return address.port;
  };
  const cut = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    await closed;
  };
  const become = (nextRequests: Flow, nextReplies: Flow, nextDelayMs = 0): void => {
    requests = nextRequests;
    replies = nextReplies;
    delayMs = nextDelayMs;
    if (requests === "pass") for (const deliver of kept.splice(0)) deliver();
  };
  const port = await listen(0);
  return {
    port,
    refuse: cut,
    keepRequests: () => become("keep", "pass"),
    hang: () => become("keep", "keep"),
    slow: (ms) => become("pass", "pass", ms),
    loseReplies: () => become("pass", "lose"),
    garble: () => become("pass", "garbage"),
    async pass() {
      become("pass", "pass");
      if (!server.listening) await listen(port);
    },
    close: cut,
  };
}
