import { QdrantClient } from "@qdrant/js-client-rest";

/**
 * Removes all collections of a deployment, with their aliases.
 * @param options.prefix as given to `openQdrantIndex`
 * @throws Error when the server does not answer, or refuses
 */
export async function eraseCollections(options: {
  readonly url: string;
  readonly apiKey?: string;
  readonly prefix: string;
}): Promise<void> {
  const { url, apiKey, prefix } = options;
  const { pathname } = new URL(url);
  const client = new QdrantClient({
    url,
    checkCompatibility: false,
    ...(pathname === "/" ? {} : { prefix: pathname.replace(/\/$/, "") }),
    // Not as `apiKey`, for which the client prints a warning on every plain connection.
    ...(apiKey === undefined ? {} : { headers: { "api-key": apiKey } }),
  });
  const { collections } = await client.getCollections();
  for (const { name } of collections) if (name.startsWith(`${prefix}-`)) await client.deleteCollection(name);
}
