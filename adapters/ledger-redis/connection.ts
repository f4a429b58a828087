import { Redis, type Result } from "ioredis";
import { databaseOf } from "#adapters/redis/url.ts";
import { AppError } from "#core/errors.ts";
import { plainError, unavailable } from "./plain-error.ts";
import { runScript } from "./script.ts";
import { type Durability, inspectServer, type ServerFindings, UnusableRedis } from "./server-check.ts";

declare module "ioredis" {
  interface RedisCommander<Context> {
    /** {@link runScript}. */
    reticentRun(keys: number, ...args: (string | number | Buffer)[]): Result<unknown, Context>;
  }
}

/** Settings of {@link RedisConnection}. */
export interface ConnectionOptions {
  /** A URL, or the absolute path of a socket. */
  readonly url: string;
  readonly durability: Durability;
  /** How long one command, or a connection, may take, ms. */
  readonly timeoutMs: number;
  /** Told of connection troubles, which are retried for ever. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** How often a server is asked again after a refusal, and how often one in use, ms: a configuration may change, a primary be demoted. */
const refusedAgainMs = 1_000;
const inUseAgainMs = 5_000;
const maxBackoffMs = 1_000;

/**
 * One connection that fails fast: a command that cannot be sent now, or whose answer does not come in time, is an AppError
 * `ledger-unavailable` and is never sent a second time behind the caller's back. Reconnects by itself, for ever, and uses no connection
 * whose server was not inspected: a restart may bring another configuration, a failover a replica.
 */
export class RedisConnection {
  readonly #redis: Redis;
  readonly #options: ConnectionOptions;
  readonly #database: number;
  /** The inspection of the server behind this very connection; `undefined` while there is none. */
  #inspection: Promise<ServerFindings> | undefined;
  /** Why there is no connection, as far as that is known. */
  #trouble: Error | undefined;
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ConnectionOptions) {
    const { url, timeoutMs } = options;
    this.#options = options;
    this.#database = url.startsWith("/") ? 0 : databaseOf(url);
    this.#redis = new Redis(url, {
      lazyConnect: true,
      connectionName: "reticent-ledger",
      disableClientInfo: true,
      // Nothing waits for better times, and nothing is sent again: whoever asked decides whether to ask again.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: timeoutMs,
      commandTimeout: timeoutMs,
      // A server that hangs is left, with everything that waits for it: a new connection may find it well.
      socketTimeout: timeoutMs,
      retryStrategy: (times) => Math.random() * Math.min(maxBackoffMs, 25 * 2 ** Math.min(times, 10)) + 10,
      // It was a primary when it was inspected.
      reconnectOnError: (error) => error.message.startsWith("READONLY"),
    });
    this.#redis.defineCommand("reticentRun", { lua: runScript });
    this.#redis.on("error", this.#told);
    this.#redis.on("close", () => {
      this.#inspection = undefined;
    });
    this.#redis.on("ready", () => {
      this.#trouble = undefined;
      this.#inspect().catch(this.#told);
    });
  }

  /**
   * Connects and inspects the server.
   * @throws UnusableRedis when it must not hold a ledger; AppError `ledger-unavailable` when it does not answer
   */
  async open(): Promise<ServerFindings> {
    try {
      await this.#redis.connect();
      return await (this.#inspection ?? this.#inspect());
    } catch (error) {
      this.close();
      throw error instanceof UnusableRedis ? error : unavailable(this.#trouble ?? error);
    }
  }

  /** Asks the server anew; a refusal counts from then on. @throws AppError `ledger-unavailable` when it does not answer */
  async findings(): Promise<ServerFindings> {
    try {
      this.#assertOpen();
      return await this.#look();
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Sends commands. @throws AppError `ledger-unavailable` whatever goes wrong; what was sent may have been done nevertheless */
  async send<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      this.#assertOpen();
      if (this.#inspection === undefined) throw this.#trouble ?? new Error("there is no connection to Redis");
      await this.#inspection;
      return await work(this.#redis);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Ends the connection; everything later is refused. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#again);
    this.#redis.disconnect();
  }

  #assertOpen(): void {
    if (this.#closed) throw new AppError("ledger-unavailable", { detail: "the ledger is closed" });
  }

  /** Inspects the server behind a new connection, or after a refusal: commands wait for it. */
  #inspect(): Promise<ServerFindings> {
    clearTimeout(this.#again);
    const inspection = inspectServer(this.#redis, this.#options.durability, this.#database).then(accepted);
    this.#inspection = inspection;
    inspection.then(
      () => this.#later(inUseAgainMs, () => this.#look()),
      () => this.#later(refusedAgainMs, () => this.#inspect()),
    );
    return inspection;
  }

  /** Inspects the server in use, without keeping anybody waiting. */
  async #look(): Promise<ServerFindings> {
    const before = this.#inspection;
    const findings = await inspectServer(this.#redis, this.#options.durability, this.#database);
    // Not on behalf of a later connection.
    if (this.#inspection !== before || before === undefined) return findings;
    if (findings.refusals.length > 0) this.#inspect().catch(this.#told);
    else this.#later(inUseAgainMs, () => this.#look());
    return findings;
  }

  readonly #told = (error: unknown): void => {
    this.#trouble = plainError(error);
    this.#options.onError(this.#trouble);
  };

  #later(ms: number, work: () => Promise<unknown>): void {
    clearTimeout(this.#again);
    if (this.#closed) return;
    this.#again = setTimeout(() => {
      // While there is no connection, the next one brings its own inspection.
      if (this.#inspection !== undefined) work().catch(this.#told);
    }, ms);
    this.#again.unref();
  }
}

function accepted(findings: ServerFindings): ServerFindings {
  if (findings.refusals.length > 0) throw new UnusableRedis(findings);
  return findings;
}
