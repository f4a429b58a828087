import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What becomes of the bytes of one direction: they go on, wait to be released, or are swapped for others. */
type Flow = "pass" | "keep" | "garbage";

/** A TCP proxy between a client and a server, whose misbehaviour a test decides. */
export interface TcpProxy {
  readonly port: number;
  /** The server behind the proxy does not listen any more: connections are cut, new ones are refused. */
  refuse(): Promise<void>;
  /** Requests do not arrive; they are delivered by {@link TcpProxy.pass}, even if the client has gone meanwhile. */
  keepRequests(): void;
  /** Requests arrive and are done, their replies do not come back. */
  loseReplies(): void;
  /** Replies are other bytes than the server's. */
  garble(): void;
  /** Everything passes from now on, what was kept first. Listens again after {@link TcpProxy.refuse}. */
  pass(): Promise<void>;
  /** Cuts every connection; later ones lead to another port of this machine. */
  redirect(target: number): void;
  close(): Promise<void>;
}

/** Starts a proxy to a port of this machine. */
export async function startProxy(target: number): Promise<TcpProxy> {
  let goal = target;
  const sockets = new Set<Socket>();
  const kept: (() => void)[] = [];
  let requests: Flow = "pass";
  let replies: Flow = "pass";
  const server: Server = createServer((client) => {
    const upstream = connect(goal, "127.0.0.1");
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
    upstream.on("data", (bytes: Buffer) => {
      if (replies === "pass") client.write(bytes);
      if (replies === "garbage") client.write(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
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
  const port = await listen(0);
  return {
    port,
    refuse: cut,
    keepRequests() {
      requests = "keep";
    },
    loseReplies() {
      replies = "keep";
    },
    garble() {
      replies = "garbage";
    },
    async pass() {
      requests = "pass";
      replies = "pass";
      for (const deliver of kept.splice(0)) deliver();
      if (!server.listening) await listen(port);
    },
    redirect(other) {
      goal = other;
      for (const socket of sockets) socket.destroy();
    },
    close: cut,
  };
}
