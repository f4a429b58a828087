import { QdrantClient } from "@qdrant/js-client-rest";
import { Post } from "./post.ts";

/** The generated part of the client: unlike its other methods, these take a signal. */
export type Api = ReturnType<QdrantClient["api"]>;

/** The ways to the server. */
export interface Ways {
  readonly api: Api;
  /** For what every question asks. */
  readonly post: Post;
}

/** Both ways to the same server, with the same headers. */
export function waysTo({ url, apiKey }: { readonly url: string; readonly apiKey?: string }): Ways {
  const { pathname } = new URL(url);
  const headers = {
    // A compressed answer leaves the server in two parts, the second of which waits for the acknowledgement of the first: 40 ms.
    "accept-encoding": "identity",
    // Not as `apiKey`, for which the client prints a warning on every plain connection.
    ...(apiKey === undefined ? {} : { "api-key": apiKey }),
  };
  const client = new QdrantClient({
    url,
    // The client's own would take the place of the signal that a request brings.
    timeout: Number.POSITIVE_INFINITY,
    // Asked for and judged by `checkVersion`: the client only prints a warning.
    checkCompatibility: false,
    ...(pathname === "/" ? {} : { prefix: pathname.replace(/\/$/, "") }),
    headers,
  });
  return { api: client.api(), post: new Post({ url, headers }) };
}
