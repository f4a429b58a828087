import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A way to a server, on which a test decides what happens. */
export interface TcpProxy {
  readonly port: number;
  /** Everything passes; what was held back first. */
  pass(): Promise<void>;
  /** Connections are cut, new ones refused. */
  refuse(): Promise<void>;
  /** Connections stay open and new ones are accepted, but nothing passes. */
  hang(): void;
  /** Every piece of every answer comes later by this time, ms. */
  slow(ms: number): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free port, which passes everything. */
export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  let mode: "pass" | "hang" | "slow" = "pass";
  let delayMs = 0;
  let resume: () => void = () => {};
  let resumed = Promise.resolve();
  const sockets = new Set<Socket>();

  async function held(): Promise<void> {
    if (mode === "slow") {
      await new Promise((resolve) => {
        setTimeout(resolve, delayMs);
      });
    }
    // Asked again: it may hang by now.
    while (isHanging()) await resumed;
  }
  const isHanging = (): boolean => mode === "hang";

  function forward(from: Socket, to: Socket): void {
    let last: Promise<void> = Promise.resolve();
    from.on("data", (bytes) => {
      last = last.then(held).then(() => void (to.destroyed || to.write(bytes)));
    });
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
  }

  const server: Server = createServer((client) => {
    const upstream = connect(target);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
    forward(client, upstream);
    forward(upstream, client);
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port was given");
    return address.port;
  };
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const stopListening = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    cut();
    await closed;
  };
  const unhang = (): void => {
    mode = "pass";
    resume();
  };

  const port = await listen(0);
  return {
    port,
    async pass() {
      unhang();
      if (!server.listening) await listen(port);
    },
    async refuse() {
      unhang();
      await stopListening();
    },
    hang() {
      mode = "hang";
      resumed = new Promise((resolve) => {
        resume = resolve;
      });
    },
    slow(ms) {
      unhang();
      mode = "slow";
      delayMs = ms;
    },
    async close() {
      unhang();
      await stopListening();
    },
  };
}
