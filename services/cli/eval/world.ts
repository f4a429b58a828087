import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Dataset, readDataset } from "./dataset.ts";
import { readFolderSet, setFile } from "./folder-set.ts";
import { type Instance, startInstance } from "./instance.ts";
import { type Mapping, mapDataset } from "./mapping.ts";
import type { EvalOptions } from "./options.ts";
import { shippedPolicies, writePolicyFolder } from "./policy-folder.ts";

/** A set with everything that an evaluation needs to run it. */
export interface World {
  readonly set: Dataset;
  readonly mapping: Mapping;
  /** A fresh, empty service under the policy of the set. */
  start(): Promise<Instance>;
}

/**
 * Reads a set: the layout of the public sets, or, where there is a `set.yaml`, a folder of documents as `reticent sync` reads it.
 * @throws UsageError for what is not in the layout.
 */
export async function openWorld(options: EvalOptions): Promise<World> {
  if (existsSync(join(options.folder, setFile))) {
    const { set, mapping, writePolicies } = await readFolderSet(options.folder, options.trustFile);
    return { set, mapping, start: () => startInstance(writePolicies, options) };
  }
  const set = await readDataset(options.folder, options.superseded);
  const mapping = mapDataset(set);
  const trustFile = options.trustFile ?? join(shippedPolicies, "trust.yaml");
  return {
    set,
    mapping,
    start: () => startInstance((folder) => writePolicyFolder(folder, mapping, trustFile), options),
  };
}
