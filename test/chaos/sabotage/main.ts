/** `node test/chaos/sabotage/main.ts GUARD ROLE`: a process of the deployment with one guard taken out, for `test:chaos --sabotage`. */
import { once } from "node:events";
import { serverFor } from "#services/compose.ts";
import { parseConfig } from "#services/config.ts";
import { openPorts } from "#services/ports/open-ports.ts";
import { roles } from "#services/process/roles.ts";
import { serve } from "#services/process/serve.ts";
import { sabotages } from "./guards.ts";

const [guard = "", given = ""] = process.argv.slice(2);
const sabotage = sabotages[guard];
const role = roles.find((one) => one === given);
if (sabotage === undefined || role === undefined) throw new Error(`no guard ${guard}, or no role ${given}`);
const config = parseConfig(process.env, role);
const app = serverFor(config);
const ports = await openPorts(config, () => {});
const service = await serve(sabotage.apply(ports), config, app);
process.stderr.write(`reticent: listening on ${service.url}\n`);
await once(process, "SIGTERM");
await service.close();
