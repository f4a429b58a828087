import { type Callback, Redis, type RedisOptions } from "ioredis";

/** The server does not give the database that the URL names. */
export class NoSuchDatabase extends Error {
  /** @param cause what the server answered to SELECT; its first word is told */
  constructor(database: number, cause: Error) {
    const [word = "an error"] = /^[A-Z]{2,20}\b/.exec(cause.message) ?? [];
    const why = cause.message.startsWith("ERR DB index is out of range") ? "the server has fewer" : word;
    super(`Redis: database ${database} cannot be selected (${why})`);
    this.name = "NoSuchDatabase";
  }
}

/**
 * A connection that is on the database that it is meant to be on, or is none. The library goes on in database 0 when SELECT is refused; this
 * one is left, and made anew if it is one that comes back.
 */
export class DatabaseRedis extends Redis {
  /** Why the last connection was left, if that was it; gone with the next one that is usable. */
  noDatabase: NoSuchDatabase | undefined;

  constructor(url: string, options: Omit<RedisOptions, "replyMapping">) {
    super(url, options);
    this.on("ready", () => {
      this.noDatabase = undefined;
    });
  }

  /** As the library's, which calls it for every new connection. */
  override select(database: number | string, callback?: Callback<"OK">): Promise<"OK"> {
    // Without a callback, there must be no argument in its place.
    const selected = callback === undefined ? super.select(database) : super.select(database, callback);
    selected.catch((error: unknown) => {
      // Anything else ends the connection by itself.
      if (!(error instanceof Error) || error.name !== "ReplyError") return;
      this.noDatabase = new NoSuchDatabase(Number(database), error);
      this.disconnect(true);
    });
    return selected;
  }
}
