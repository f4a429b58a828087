import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** The open connections of a server, as a shutdown sees them. */
export interface Connections {
  /**
   * Ends, now and from now on, every connection on which no request is being answered: one that has sent nothing yet or half a request
   * head, one between two requests, and a new one. What is being answered goes on.
   */
  drain(): void;
  /** Ends all that is left, in the middle of whatever it is. */
  destroy(): void;
}

/**
 * Follows the connections of a server. Its own `close()` waits for every connection that never sent a whole request head, for ever, and
 * `closeIdleConnections()` leaves those alone.
 */
export function followConnections(server: Server): Connections {
  /** How many requests are being answered on each open connection. */
  const busy = new Map<Socket, number>();
  let draining = false;

  server.on("connection", (socket: Socket) => {
    if (draining) {
      socket.destroy();
      return;
    }
    busy.set(socket, 0);
    socket.once("close", () => busy.delete(socket));
  });
  server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    busy.set(socket, (busy.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const rest = (busy.get(socket) ?? 1) - 1;
      if (busy.has(socket)) busy.set(socket, rest);
      if (draining && rest === 0) socket.destroySoon();
    });
  });

  return {
    drain() {
      draining = true;
      for (const [socket, requests] of busy) if (requests === 0) socket.destroy();
    },
    destroy() {
      for (const socket of busy.keys()) socket.destroy();
    },
  };
}
