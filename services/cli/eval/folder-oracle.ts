import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Oracle, openOracle } from "#adapters/policy-casbin/oracle.ts";
import type { Caller } from "#core/access/principal.ts";
import type { DataCaller } from "./dataset.ts";
import type { FolderDocument } from "./folder-set.ts";

/** Who may read what in a set over a folder, found out without the service's own filter and re-check. */
export interface FolderOracle {
  visible(caller: DataCaller, documents: readonly FolderDocument[]): Promise<readonly FolderDocument[]>;
}

/** Asks Casbin's `enforce()` about source and labels, and reads access lists by itself: deny wins, then a grant is needed. */
export async function openFolderOracle(policyDir: string): Promise<FolderOracle> {
  const read = (name: string) => readFile(join(policyDir, name), "utf8");
  const oracle: Oracle = await openOracle(await read("model.conf"), await read("policy.csv"));
  const { g } = await oracle.lines();
  return {
    async visible({ tenant, user, groups, agents }, documents) {
      const caller: Caller = {
        tenant,
        user: `user:${user}`,
        groups: groups.map((group) => `group:${group}` as const),
        actors: (agents ?? []).map((agent) => `agent:${agent}` as const),
      };
      const names = closure([caller.user, ...caller.groups], tenant, g);
      const found: FolderDocument[] = [];
      for (const document of documents) {
        if (document.tenant !== tenant || !lets(document.request.acl, names)) continue;
        if (await oracle.mayRead(caller, { tenant, source: document.source, labels: document.request.labels })) {
          found.push(document);
        }
      }
      return found;
    },
  };
}

/** The principals and everything that the role graph of the tenant links them to. */
function closure(own: readonly string[], tenant: string, g: readonly (readonly string[])[]): ReadonlySet<string> {
  const found = new Set(own);
  for (let grown = true; grown; ) {
    grown = false;
    for (const [member = "", parent = "", where] of g) {
      if (where !== tenant || !found.has(member) || found.has(parent)) continue;
      found.add(parent);
      grown = true;
    }
  }
  return found;
}

function lets(acl: FolderDocument["request"]["acl"], names: ReadonlySet<string>): boolean {
  const matching = acl.filter((entry) => entry.type === "everyone" || names.has(`${entry.type}:${entry.value}`));
  return matching.length > 0 && matching.every((entry) => entry.access_type === "grant");
}
