import { unshared } from "#services/adapter-settings.ts";
import type { Role } from "#services/process/roles.ts";
import { type Context, many } from "../context.ts";
import { failed, ok } from "../examination.ts";
import type { ReadSettings } from "../settings.ts";

/** `settings`: one line per bad variable, or one that names the variables that are set; `adapters`: what stands behind each port. */
export function checkSettings({ examination, config }: Context, { given, problems }: ReadSettings, role: Role): void {
  for (const problem of problems) {
    examination.check({
      name: "settings",
      advice: "",
      look: () => failed(problem, "change the variable; README lists every setting"),
    });
  }
  if (problems.length === 0) {
    const names =
      given.length === 0
        ? "none is set, the defaults hold"
        : `${many(given.length, "variable")} set: ${given.join(", ")}`;
    examination.check({ name: "settings", advice: "", look: () => ok(names) });
  }
  examination.check({
    name: "adapters",
    advice: "",
    look: () => {
      const { ledger, index, queue, traces } = config.adapters;
      const chosen = `ledger ${ledger}, index ${index}, queue ${queue}, traces ${traces}, encoder ${config.embedder}`;
      const own = unshared(config.adapters);
      if (own.length === 0) return ok(`${chosen}: any number of processes`);
      const one = `${chosen}: one process alone (reticent serve)`;
      if (role === "all") return ok(one);
      return failed(`${one}, and a ${role} process shares everything with others`, `change ${own.join(", ")}`);
    },
  });
}
