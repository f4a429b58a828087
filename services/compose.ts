import type { FastifyInstance } from "fastify";
import type { ServiceConfig } from "./config.ts";
import { type LogStream, makeServer } from "./http/server.ts";
import { logPolicy, troubleTeller } from "./log.ts";
import { openPorts } from "./ports/open-ports.ts";
import { type RunningService, serve } from "./process/serve.ts";

/**
 * Starts a whole process of a deployment: by default everything in one, with embedded ledger, index, queue and encoder.
 * @param logStream where log lines go; absent = standard output
 * @throws DataDirectoryInUse, PolicyFolderError, ConfigError, UnusableFile, UnusableServer; Error that names the key file
 */
export async function startService(config: ServiceConfig, logStream?: LogStream): Promise<RunningService> {
  const log = serverFor(config, logStream);
  try {
    const ports = await openPorts(
      config,
      (event) => logPolicy(log, event),
      troubleTeller((err, repeated) => log.log.warn({ err, repeated }, "a server behind the service is in trouble")),
    );
    return await serve(ports, config, log);
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** The server of a configuration, without routes: it comes first, because its logger is where everything else reports. */
export function serverFor(config: ServiceConfig, logStream?: LogStream): FastifyInstance {
  const { logLevel, deadlineMs } = config;
  return makeServer({ logLevel, deadlineMs, ...(logStream === undefined ? {} : { logStream }) });
}
