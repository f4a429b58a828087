import { nothingFound } from "#adapters/index-qdrant/search.ts";
import { afterAccess, afterDelete } from "#core/ingest/transitions.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { liveGenerationCheck, makeRecheck, type Recheck, readableChecks } from "#core/retrieval/recheck.ts";
import type { Ports } from "#services/ports/ports.ts";

/** What is taken out of every process, and which violations then have to be reported, any of them. */
export interface Sabotage {
  readonly about: string;
  readonly shows: readonly string[];
  apply(ports: Ports): Ports;
}

/** How often something goes wrong that would otherwise be noticed at once. */
const seldom = 0.15;

/** Every guard that can be taken out, by name. */
export const sabotages: Readonly<Record<string, Sabotage>> = {
  recheck: {
    about: "hits are not checked against the ledger",
    shows: ["revoked-shown", "replaced-shown", "other-text-shown", "mixed-generation"],
    apply: (ports) => ({ ...ports, recheck: () => "confirmed" }),
  },
  "wanted-access": {
    about: "the re-check does not look at the wanted access",
    shows: ["revoked-shown"],
    apply: (ports) => ({ ...ports, recheck: recheckWithout("wantedAccess") }),
  },
  "live-generation": {
    about: "the re-check does not look at the generation",
    shows: ["replaced-shown", "other-text-shown", "mixed-generation", "mixed-text"],
    apply: (ports) => ({ ...ports, recheck: makeRecheck(Object.values(readableChecks), () => true) }),
  },
  outage: {
    about: "an index that is away counts as one that finds nothing",
    shows: ["lost-from-search"],
    apply: (ports) => ({
      ...ports,
      index: replaced<VectorIndex>(ports.index, {
        search: (query) => ports.index.search(query).catch(() => nothingFound(query.terms)),
        // Of no hit no text is asked for; the adapter would look for its collections all the same.
        texts: async (ids, fingerprint) => (ids.length === 0 ? new Map() : ports.index.texts(ids, fingerprint)),
      }),
    }),
  },
  disabled: {
    about: "nobody counts as disabled",
    shows: ["disabled-served"],
    apply: (ports) => ({ ...ports, ledger: replaced<Ledger>(ports.ledger, { disabledAmong: async () => [] }) }),
  },
  "lost-access": {
    about: "some changes of access are acknowledged and not kept",
    shows: ["impossible-answer", "impossible-status", "wrong-record", "revoked-shown"],
    apply: ({ ledger, ...ports }) => ({
      ...ports,
      ledger: replaced<Ledger>(ledger, {
        putAccess: async (command) => {
          if (Math.random() >= seldom) return ledger.putAccess(command);
          const [record] = await ledger.read([command.key]);
          return afterAccess(record, command);
        },
      }),
    }),
  },
  "lost-delete": {
    about: "some deletes are acknowledged and not kept: the document comes back",
    shows: ["impossible-answer", "impossible-status", "wrong-record", "deleted-shown"],
    apply: ({ ledger, ...ports }) => ({
      ...ports,
      ledger: replaced<Ledger>(ledger, {
        deleteDocument: async (command) => {
          if (Math.random() >= seldom) return ledger.deleteDocument(command);
          const [record] = await ledger.read([command.key]);
          return afterDelete(record, command, new Date().toISOString());
        },
      }),
    }),
  },
  collection: {
    about: "what was replaced is never erased",
    shows: ["orphan-point"],
    apply: (ports) => ({ ...ports, index: replaced<VectorIndex>(ports.index, { remove: async () => {} }) }),
  },
  "access-copy": {
    about: "some copies of access are noted and not placed",
    shows: ["access-copy"],
    apply: ({ index, ...ports }) => ({
      ...ports,
      index: replaced<VectorIndex>(index, {
        placeAccess: async (ref, access, revision) =>
          Math.random() < seldom ? true : (index.placeAccess?.(ref, access, revision) ?? true),
      }),
    }),
  },
};

function recheckWithout(name: keyof typeof readableChecks): Recheck {
  const left = Object.entries(readableChecks).filter(([check]) => check !== name);
  return makeRecheck(
    left.map(([, check]) => check),
    liveGenerationCheck,
  );
}

/** An adapter with some methods of its own; the others see their own private state. */
function replaced<T extends object>(inner: T, methods: Partial<T>): T {
  return new Proxy(inner, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
