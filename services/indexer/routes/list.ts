import type { FastifyPluginAsync } from "fastify";
import type { Caller } from "#core/access/principal.ts";
import type { VisibilityFilter } from "#core/access/visible.ts";
import { during } from "#core/deadline.ts";
import type { DocumentRecord } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import { nextTurn } from "#core/ingest/turns.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { PolicySnapshot } from "#core/ports/policy.ts";
import { signalOf } from "#services/http/deadline.ts";
import { ledgerOf } from "#services/http/ledger-of.ts";
import { parseQuery } from "#services/http/validate.ts";
import { cursorOf, keyOfCursor, type PageKey } from "../cursor.ts";
import type { RouteOptions } from "../options.ts";
import { listQuerySchema } from "../schemas.ts";
import { writerStatus } from "../status.ts";
import { mayReadNow } from "./shared.ts";

/** One request for a page. */
interface Page {
  readonly after: PageKey | undefined;
  readonly limit: number;
  readonly source: string | undefined;
}

/** Records that one step of a scan reads. */
const scanRecords = 500;

/** GET /v1/documents: what the caller may read now; for those whom the policy lets also what a filter selects, failed and stored ones. */
export const listRoutes: FastifyPluginAsync<RouteOptions> = async (app, options) => {
  const { policy } = options;

  app.get("/v1/documents", async (request, reply) => {
    const { caller } = request;
    const ledger = ledgerOf(request, options.ledger);
    const query = parseQuery(listQuerySchema, request.query);
    const after = query.cursor === undefined ? undefined : keyOfCursor(query.cursor);
    const page: Page = { after, limit: query.limit, source: query.source };
    const snapshot = policy.current();
    reply.header("cache-control", "no-store");
    if (query.state !== undefined) {
      checkMayList(snapshot, caller, query.state, query.source);
      const records = await ledger.list({
        tenant: caller.tenant,
        state: query.state,
        fingerprint: options.fingerprint(),
        limit: page.limit + 1,
        ...(page.source === undefined ? {} : { source: page.source }),
        ...(after === undefined ? {} : { after }),
      });
      return answer(
        page,
        records.map(({ key }) => key),
        records.map((record) => writerStatus(record, options.fingerprint())),
      );
    }
    if (query.via === "filter" && !snapshot.may(caller, "explain", "tenant")) {
      throw new AppError("forbidden", { detail: "via=filter needs explain on the tenant" });
    }
    const filter = snapshot.visibility(caller);
    const keys =
      query.via === "filter"
        ? await selected(filter, page, options, signalOf(request))
        : await readable(caller.tenant, filter, page, { ...options, ledger });
    return answer(page, keys, keys);
  });
};

function checkMayList(snapshot: PolicySnapshot, caller: Caller, state: "failed" | "stored", source?: string): void {
  const writes = source !== undefined && snapshot.may(caller, "write", `source:${source}`);
  const oversees =
    state === "failed" && (snapshot.may(caller, "explain", "tenant") || snapshot.may(caller, "admin", "tenant"));
  if (!writes && !oversees) throw new AppError("forbidden", { detail: `state=${state} is for writers of the source` });
}

/** A page is read one longer than asked for: whether there is a next one is known without a look at anything unseen. */
function answer<T>(page: Page, keys: readonly PageKey[], shown: readonly T[]) {
  const last = keys.length > page.limit ? keys[page.limit - 1] : undefined;
  return {
    documents: shown.slice(0, page.limit),
    next_cursor: last === undefined ? null : cursorOf(last),
  };
}

async function selected(
  filter: VisibilityFilter,
  page: Page,
  { index, fingerprint }: RouteOptions,
  signal: AbortSignal,
): Promise<PageKey[]> {
  if (filter.kind === "nothing") return [];
  const conditions = page.source === undefined ? {} : { sources: [page.source] };
  const asked = { limit: page.limit + 1, ...(page.after === undefined ? {} : { after: page.after }) };
  const keys = await during(signal, () =>
    index.documents(fingerprint(), { visibility: filter, eligible: null, conditions }, asked, signal),
  );
  // Those who may explain a tenant see whatever the filter selects there, and are strangers to every other tenant.
  if (keys.some(({ tenant }) => tenant !== filter.tenant)) throw new AppError("index-unavailable");
  return keys.map(({ source, id }) => ({ source, id }));
}

/**
 * Up to one more than a page of what the caller may read now, by the re-check. The scan goes past hidden documents without an end of its own:
 * a page cut short by them would tell how many there are.
 */
async function readable(
  tenant: string,
  filter: VisibilityFilter,
  page: Page,
  options: Pick<RouteOptions, "fingerprint" | "recheck"> & { readonly ledger: Pick<Ledger, "list"> },
): Promise<PageKey[]> {
  const found: PageKey[] = [];
  if (filter.kind === "nothing") return found;
  const { after } = page;
  const sources = filter.sources
    .filter((source) => page.source === undefined || source === page.source)
    .filter((source) => after === undefined || source >= after.source)
    .toSorted();
  for (const source of sources) {
    let from: PageKey | undefined = after?.source === source ? after : undefined;
    for (;;) {
      const records: readonly DocumentRecord[] = await options.ledger.list({
        tenant,
        source,
        state: "stored",
        fingerprint: options.fingerprint(),
        limit: scanRecords,
        ...(from === undefined ? {} : { after: from }),
      });
      for (const record of records) {
        if (mayReadNow(record, filter, options)) found.push({ source, id: record.key.id });
        if (found.length > page.limit) return found;
      }
      const last = records.at(-1);
      if (last === undefined || records.length < scanRecords) break;
      from = { source, id: last.key.id };
      // A caller of whom a hundred thousand documents are hidden would otherwise stop everybody for seconds.
      await nextTurn();
    }
  }
  return found;
}
