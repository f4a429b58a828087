import type { Principal } from "#core/access/principal.ts";
import type { RoleEdge } from "#core/access/rule-table.ts";
import { limits } from "#core/limits.ts";
import type { PolicyProblem } from "#core/ports/policy.ts";
import type { Placed } from "./policy-csv.ts";
import { type Report, reporter } from "./problem.ts";

/** Checks the role graph of every tenant: no cycle, bounded depth, bounded number of paths. */
export function checkRoleGraph(file: string, edges: readonly Placed<RoleEdge>[], problems: PolicyProblem[]): void {
  const report = reporter(file, problems);
  for (const tenantEdges of Map.groupBy(edges, (edge) => edge.tenant).values()) checkTenant(tenantEdges, report);
}

interface Height {
  /** Edges on the longest path upwards. */
  readonly depth: number;
  /** Different paths upwards. */
  readonly paths: number;
}

function checkTenant(edges: readonly Placed<RoleEdge>[], report: Report): void {
  const up = Map.groupBy(edges, (edge) => edge.member);
  const down = Map.groupBy(edges, (edge) => edge.parent);
  const waiting = new Map<Principal, number>([...up].map(([member, own]) => [member, own.length]));
  const heights = new Map<Principal, Height>();
  // Topological order from the top, so that a deep graph needs no deep recursion.
  const ready = [...down.keys()].filter((principal) => !up.has(principal));
  for (let principal = ready.pop(); principal !== undefined; principal = ready.pop()) {
    const parents = (up.get(principal) ?? []).map((edge) => heights.get(edge.parent) ?? { depth: 0, paths: 0 });
    heights.set(principal, {
      depth: Math.max(0, ...parents.map((parent) => parent.depth + 1)),
      paths: parents.reduce((sum, parent) => sum + parent.paths + 1, 0),
    });
    for (const { member } of down.get(principal) ?? []) {
      const left = (waiting.get(member) ?? 0) - 1;
      waiting.set(member, left);
      if (left === 0) ready.push(member);
    }
  }
  const cyclic = edges.filter((edge) => !heights.has(edge.member) && !heights.has(edge.parent));
  if (cyclic.length > 0) reportCycle(cyclic, report);
  const deep = edges.find((edge) => (heights.get(edge.parent)?.depth ?? 0) + 1 > limits.roleDepth);
  if (deep !== undefined) {
    report(deep.line, "role-depth", `roleDepth: ${deep.member} stands over ${limits.roleDepth} levels below the top`);
  }
  const wide = edges.find((edge) => (heights.get(edge.member)?.paths ?? 0) > limits.rolePaths);
  if (wide !== undefined) {
    report(wide.line, "role-paths", `rolePaths: ${wide.member} reaches its roles on over ${limits.rolePaths} paths`);
  }
}

/** Every member among these edges has a parent among them, so walking up must meet a principal again. */
function reportCycle(edges: readonly Placed<RoleEdge>[], report: Report): void {
  const up = new Map(edges.map((edge) => [edge.member, edge]));
  const walked: Placed<RoleEdge>[] = [];
  const place = new Map<Principal, number>();
  let edge = edges.find((candidate) => up.has(candidate.parent));
  while (edge !== undefined && !place.has(edge.member)) {
    place.set(edge.member, walked.length);
    walked.push(edge);
    edge = up.get(edge.parent);
  }
  const cycle = edge === undefined ? walked : walked.slice(place.get(edge.member));
  const path = [...cycle.map(({ member }) => member), cycle[0]?.member].join(" → ");
  report(Math.max(...cycle.map(({ line }) => line)), "role-cycle", path);
}
