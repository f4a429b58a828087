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

type Options = Omit<RedisOptions, "replyMapping">;

/**
 * A connection that is on the database that it is meant to be on, or is none. The library goes on in database 0 when SELECT is refused; this
 * one is left, and made anew if it is one that comes back.
 */
export class DatabaseRedis extends Redis {
  /** Why the last connection was left, if that was it; gone with the next one that is usable. */
  noDatabase: NoSuchDatabase | undefined;

  constructor(place: string | Options, options: Options = {}) {
    if (typeof place === "string") super(place, options);
    else super(place);
    // BullMQ makes the connection that a worker waits on so: it is to be of this kind too. Defined here, for the type depends on the options.
    Object.defineProperty(this, "duplicate", {
      configurable: true,
      writable: true,
      value: (override: Options = {}) => new DatabaseRedis({ ...this.options, ...override }),
    });
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
