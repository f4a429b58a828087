import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

/** Where requests go and what each carries. */
export interface PostOptions {
  /** `http(s)://host:port`, with a path in front of the API if there is one. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest answer that is read; default 256 MiB: thousands of hits with what they bring are a hundredth of it. */
  readonly mostBytes?: number;
}

/**
 * Sends JSON to the server and reads the JSON that it answers: for the requests of every question. The client reads each number of an answer
 * through a function of its own, and goes through `fetch`; for the answer of a search both take longer than the search.
 */
export class Post {
  readonly #base: URL;
  readonly #headers: PostOptions["headers"];
  readonly #mostBytes: number;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;

  constructor({ url, headers, mostBytes = 256 * 1024 * 1024 }: PostOptions) {
    this.#base = new URL(url);
    this.#headers = headers;
    this.#mostBytes = mostBytes;
    const isSecure = this.#base.protocol === "https:";
    this.#agent = isSecure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
    this.#request = isSecure ? httpsRequest : httpRequest;
  }

  /**
   * @param path after the path of the URL, beginning with a slash, its parts encoded
   * @param body what is to be written as JSON; a text is JSON already
   * @returns the body of an answer of status 200. @throws Error for any other answer, for none, and when the signal ends it
   */
  async send(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const sent = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    const { status, text } = await this.#answer(path, sent, signal);
    if (status !== 200) throw new Error(`${path} was answered with status ${status}: ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }

  /** A connection that the server closed while we sent is no answer: these requests only read, so another one is asked, once. */
  async #answer(path: string, sent: Buffer, signal: AbortSignal): Promise<Answer> {
    try {
      return await this.#try(path, sent, signal);
    } catch (error) {
      if (!(error instanceof ClosedMeanwhile)) throw error;
      return this.#try(path, sent, signal);
    }
  }

  #try(path: string, sent: Buffer, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { hostname, port, pathname } = this.#base;
      const asked = this.#request({
        agent: this.#agent,
        method: "POST",
        // An IPv6 address has its brackets in a URL alone.
        hostname: hostname.replace(/^\[(.*)\]$/u, "$1"),
        port,
        path: `${pathname.replace(/\/$/u, "")}${path}`,
        signal,
        headers: { "content-type": "application/json", "content-length": sent.length, ...this.#headers },
      });
      asked.once("response", (response) => {
        read(response, this.#mostBytes).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
      });
      asked.on("error", (error: NodeJS.ErrnoException) => {
        const isOld = asked.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
        reject(isOld ? new ClosedMeanwhile() : error);
      });
      asked.end(sent);
    });
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

class ClosedMeanwhile extends Error {}

async function read(response: IncomingMessage, mostBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    if (!(part instanceof Buffer)) continue;
    bytes += part.length;
    // Leaving the loop ends the connection.
    if (bytes > mostBytes) throw new Error(`an answer is longer than ${mostBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
