const databasePath = /^\/(0|[1-9]\d{0,5})$/;

/**
 * Why a Redis URL is not taken: `redis[s]://[user[:password]@]host[:port][/database]` and nothing else. What else ioredis makes of one is
 * another server's settings, database 0, the path of a socket that its errors quote, or a crash.
 * @returns one line that does not repeat the URL; `undefined` when it is usable
 */
export function redisUrlProblem(url: string): string | undefined {
  const parsed = URL.parse(url);
  // As it was written, too: a URL's parser drops white space and adds slashes.
  if (parsed === null || !/^rediss?:\/\/[^\s]*$/i.test(url)) return "not a URL that starts with redis:// or rediss://";
  if (parsed.hostname === "") return "a Redis URL names a host";
  if (url.includes("?")) return "a Redis URL has no query: the settings of the connection are the program's own";
  if (url.includes("#")) return "a Redis URL has no fragment; in a password, # is written %23";
  if (!["", "/"].includes(parsed.pathname) && !databasePath.test(parsed.pathname))
    return "what follows the host in a Redis URL is the number of a database, such as /1, or nothing";
  try {
    decodeURIComponent(parsed.username);
    decodeURIComponent(parsed.password);
  } catch {
    return "user and password of a Redis URL are percent-encoded: a % of their own is written %25";
  }
  return undefined;
}

/** The number of the database that a URL names, or of the one that is meant without a number. @throws RangeError, without the URL */
export function databaseOf(url: string): number {
  const problem = redisUrlProblem(url);
  if (problem !== undefined) throw new RangeError(problem);
  return Number(databasePath.exec(URL.parse(url)?.pathname ?? "")?.[1] ?? 0);
}
