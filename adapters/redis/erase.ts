import { DatabaseRedis } from "./database.ts";

/** Keys per step, so that nobody else waits for long. */
const atOnce = 1_000;

/**
 * Erases the keys that match a pattern, without stopping the server's other work; it looks at every key that there is.
 * @param pattern a glob of Redis
 * @throws Error when the server does not answer within 5 s, or refuses, the URL's database included
 */
export async function eraseKeys(url: string, pattern: string): Promise<void> {
  const redis = new DatabaseRedis(url, { lazyConnect: true, connectTimeout: 5_000, retryStrategy: () => null });
  // Whatever goes wrong rejects the command that it goes wrong for.
  redis.on("error", () => {});
  try {
    await redis.connect().catch((error: unknown) => {
      throw redis.noDatabase ?? error;
    });
    for await (const keys of redis.scanStream({ match: pattern, count: atOnce })) {
      if (keys.length > 0) await redis.unlink(...keys);
    }
  } finally {
    redis.disconnect();
  }
}
