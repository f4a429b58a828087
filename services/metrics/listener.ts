import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { expositionType, type Registry } from "./registry.ts";

/** Where metrics are read. */
export interface MetricsListener {
  /** E.g. `http://127.0.0.1:9464/metrics`. */
  readonly url: string;
  /** Ends every connection. */
  close(): Promise<void>;
}

/**
 * Serves `GET /metrics` on a port of its own, and nothing else: figures of all tenants together are for operators, and never on the port that
 * answers callers. There is no token; the port is the protection.
 * @throws Error of the system when the port cannot be had
 */
export async function listenForMetrics(
  { host, port }: { readonly host: string; readonly port: number },
  registry: Registry,
): Promise<MetricsListener> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const isKnown = request.url === "/metrics" && (request.method === "GET" || request.method === "HEAD");
    if (!isKnown) {
      response.writeHead(404, { "content-type": "text/plain" }).end("only GET /metrics\n");
      return;
    }
    const text = await registry.text();
    response.writeHead(200, { "content-type": expositionType, "cache-control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : text);
  };
  // The registry rejects nothing.
  const server = createServer((request, response) => void answer(request, response));
  server.requestTimeout = 5_000;
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  const given = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${given}/metrics`,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
