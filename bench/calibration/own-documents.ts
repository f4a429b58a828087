import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { calibrationSchema } from "#core/calibration/calibration-file.ts";
import type { LinearModel } from "#core/calibration/linear-model.ts";
import { run } from "#services/cli/calibrate/calibrate.ts";
import { Api } from "#services/cli/eval/api.ts";
import { readDataset } from "#services/cli/eval/dataset.ts";
import { type Mapping, mapDataset, ownGroups } from "#services/cli/eval/mapping.ts";
import { shippedPolicies, writePolicyFolder } from "#services/cli/eval/policy-folder.ts";
import { UsageError } from "#services/cli/terminal.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";

/** Documents on their way at the same time. */
const uploads = 8;

/**
 * Puts the documents of a set into a service of its own, and has `reticent calibrate --self` make a calibration of them.
 * @param out the file that is written
 * @throws UsageError for a set with access lists or tenants
 */
export async function calibrateOnDocuments(folder: string, out: string, vectors: string | undefined): Promise<void> {
  const mapping = mapDataset(await readDataset(folder));
  const [tenant, ...tenants] = mapping.tenants;
  const [user, ...users] = mapping.users;
  if (tenant === undefined || user === undefined || tenants.length > 0 || users.length > 0) {
    throw new UsageError(`${folder}: only sets without tenants and access lists`);
  }
  const root = mkdtempSync(join(tmpdir(), "reticent-bench-calibration-"));
  try {
    const [dataDir, policyDir] = [join(root, "data"), join(root, "policies")];
    for (const made of [dataDir, policyDir]) mkdirSync(made);
    await writePolicyFolder(policyDir, mapping, join(shippedPolicies, "trust.yaml"));
    await load(mapping, tenant, { dataDir, policyDir, ...(vectors === undefined ? {} : { vectorFile: vectors }) });
    const groups = (user.tokens[0]?.groups ?? []).flatMap((group) => ["--as", `group:${group}`]);
    const part = `${out}.part`;
    const where = ["--data", dataDir, "--policies", policyDir, "--tenant", tenant, "--as", `user:${user.name}`];
    const terminal = { stdout: { write: () => true }, stderr: process.stderr, env: process.env };
    const code = await run(["--self", ...where, ...groups, "--out", part], terminal);
    if (code !== 0) throw new UsageError(`${folder}: the calibration ended with exit code ${code}`);
    renameSync(part, out);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

interface Folders {
  readonly dataDir: string;
  readonly policyDir: string;
  readonly vectorFile?: string;
}

async function load(mapping: Mapping, tenant: string, folders: Folders): Promise<void> {
  const config = defaultConfig({ port: 0, rateLimitPerMinute: 1_000_000_000, logLevel: "silent", ...folders });
  const service = await startService(config);
  try {
    const api = new Api(service.url.replace(/\/$/, ""));
    const as = { tenant, user: "bench-loader", groups: [ownGroups.writers], agents: [], ttlS: 36_000 };
    const token = await signToken({ dataDir: folders.dataDir, audience: config.audience, ...as });
    let next = 0;
    const put = async () => {
      for (let document = mapping.documents[next++]; document; document = mapping.documents[next++]) {
        await api.put(document, token);
      }
    };
    await Promise.all(Array.from({ length: uploads }, put));
  } finally {
    await service.close();
  }
}

/** The constants of a calibration file. */
export function modelOf(file: string): LinearModel {
  const { bias, features } = calibrationSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  return { bias, features };
}
