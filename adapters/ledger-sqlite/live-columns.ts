import { type IsVisible, isVisible, type SomeVisibility, type VisibilityFilter } from "#core/access/visible.ts";
import { compareKeys, type DocumentKey, type DocumentRecord, keyString } from "#core/document.ts";
import type { SearchConditions, SearchFilter } from "#core/ports/index.ts";
import type { LiveDocuments, LiveRef } from "#core/ports/live-documents.ts";
import { gateChangesAt, gateOf, supersededKeys } from "#core/trust/eligible.ts";
import type { Quality } from "#core/trust/quality.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";
import { AccessClasses } from "./access-classes.ts";
import { type Selected, SelectionCache } from "./selection-cache.ts";

/** A live generation, as the search sees it. */
interface Entry {
  readonly live: LiveRef;
  readonly keyText: string;
  /** Class of the wanted access. */
  readonly wanted: number;
  /** Class of the access that older live text stays under; the wanted class again while the wanted content is live. */
  readonly own: number;
  readonly labels: readonly string[];
  readonly quality: Quality;
  /** ms since the epoch; NaN without a date, which matches no range. */
  readonly updatedAt: number;
  /** What the quality gates said last; the same until `changesAt`. */
  gate?: { readonly trust: TrustPolicy; readonly now: number; readonly changesAt: number; readonly isOpen: boolean };
}

/** The live documents of one source, in the order of `compareKeys`. */
interface Column {
  readonly tenant: string;
  readonly source: string;
  readonly entries: Entry[];
  readonly classes: AccessClasses;
}

/** The live documents under one fingerprint. */
interface Columns {
  /** By tenant, then source. */
  readonly tenants: Map<string, Map<string, Column>>;
  readonly byKey: Map<string, Entry>;
  /** By the key text of a replaced document: what says that it replaces it. */
  readonly replacing: Map<string, Set<Entry>>;
}

/** What tests replace to prove that it matters. */
export interface LiveColumnsOptions {
  readonly isVisible?: IsVisible;
  /** Whether a column can hold anything for a filter; a shortcut that only skips what `isVisible` would refuse. */
  readonly mayHold?: (column: { readonly tenant: string; readonly source: string }, filter: SomeVisibility) => boolean;
}

/** The live generations of all documents in memory: what a search is allowed to look at, from the ledger itself. */
export class LiveColumns implements LiveDocuments {
  readonly #byFingerprint = new Map<string, Columns>();
  readonly #isVisible: IsVisible;
  readonly #mayHold: NonNullable<LiveColumnsOptions["mayHold"]>;
  readonly #cache = new SelectionCache();

  constructor(options: LiveColumnsOptions = {}) {
    this.#isVisible = options.isVisible ?? isVisible;
    this.#mayHold =
      options.mayHold ??
      ((column, filter) => column.tenant === filter.tenant && filter.sources.includes(column.source));
  }

  /** Takes over a document's state after a commit. Synchronous, so that no search ever sees half of it. */
  apply(record: DocumentRecord): void {
    this.#cache.clear();
    for (const fingerprint of Object.keys(record.live)) this.#columns(fingerprint);
    for (const [fingerprint, columns] of this.#byFingerprint) this.#applyTo(columns, record, fingerprint);
  }

  select(fingerprint: string, filter: SearchFilter): readonly LiveRef[] {
    const columns = this.#byFingerprint.get(fingerprint);
    const { visibility } = filter;
    if (columns === undefined || visibility.kind === "nothing") return [];
    return this.#cache.take(fingerprint, filter, () => this.#select(columns, visibility, filter));
  }

  #select(columns: Columns, visibility: SomeVisibility, { eligible, conditions }: SearchFilter): Selected {
    const visible = this.#visible(columns, visibility);
    const meets = conditionsOf(conditions);
    const refs: LiveRef[] = [];
    let changesAt = Infinity;
    if (eligible === null) {
      for (const entry of visible) if (meets(entry)) refs.push(entry.live);
      return { refs, changesAt };
    }
    // Before the conditions: a page is superseded whether or not the request would have found its replacement.
    const superseded = supersededAmong(columns, visible, eligible);
    for (const entry of visible) {
      const gate = gateAt(entry, eligible);
      // Also of those left out: a replacement that expires brings a page back.
      changesAt = Math.min(changesAt, gate.changesAt);
      if (gate.isOpen && !superseded.has(entry.keyText) && meets(entry)) refs.push(entry.live);
    }
    return { refs, changesAt };
  }

  /**
   * Keys of the visible live documents that say they replace one of the given ones, each once, in the order of `compareKeys`. A hidden
   * one costs a look-up in memory and nothing else.
   */
  replacing(fingerprint: string, keys: readonly DocumentKey[], visibility: VisibilityFilter): readonly DocumentKey[] {
    const columns = this.#byFingerprint.get(fingerprint);
    if (columns === undefined || visibility.kind === "nothing") return [];
    const open = new Map<Column, Uint8Array>();
    const found = new Set<Entry>();
    for (const key of keys) {
      for (const entry of columns.replacing.get(keyString(key)) ?? []) {
        const column = columnOf(columns, entry.live.key);
        const { tenant, source, classes } = column;
        if (!this.#mayHold({ tenant, source }, visibility)) continue;
        const answers =
          open.get(column) ?? classes.ask((access) => this.#isVisible({ tenant, source, access }, visibility));
        open.set(column, answers);
        if (answers[entry.wanted] === 1 && answers[entry.own] === 1) found.add(entry);
      }
    }
    return [...found].map((entry) => entry.live.key).toSorted(compareKeys);
  }

  #visible(columns: Columns, visibility: SomeVisibility): Entry[] {
    const visible: Entry[] = [];
    for (const [, sources] of sorted(columns.tenants)) {
      for (const [, { tenant, source, entries, classes }] of sorted(sources)) {
        if (!this.#mayHold({ tenant, source }, visibility)) continue;
        const open = classes.ask((access) => this.#isVisible({ tenant, source, access }, visibility));
        for (const entry of entries) if (open[entry.wanted] === 1 && open[entry.own] === 1) visible.push(entry);
      }
    }
    return visible;
  }

  #applyTo(columns: Columns, record: DocumentRecord, fingerprint: string): void {
    const { key } = record;
    const keyText = keyString(key);
    const live = record.wanted === undefined ? undefined : record.live[fingerprint];
    const before = columns.byKey.get(keyText);
    if (live === undefined && before === undefined) return;
    const column = columnOf(columns, key);
    const place = search(column.entries, key);
    if (before !== undefined) unlink(columns, before);
    if (live === undefined) {
      column.entries.splice(place, 1);
      columns.byKey.delete(keyText);
    } else {
      const isWanted = record.wanted?.generation === live.generation;
      const same = before?.live.generation === live.generation ? before.live : undefined;
      const entry: Entry = {
        live: same ?? { key, generation: live.generation, ref: `${keyText}@${live.generation}` },
        keyText,
        wanted: column.classes.take(record.access),
        own: column.classes.take(isWanted ? record.access : live.access),
        labels: record.access.labels,
        quality: live.quality,
        updatedAt: live.quality.updatedAt === null ? Number.NaN : Date.parse(live.quality.updatedAt),
      };
      column.entries.splice(place, before === undefined ? 0 : 1, entry);
      columns.byKey.set(keyText, entry);
      link(columns, entry);
    }
    if (before !== undefined) {
      column.classes.release(before.wanted);
      column.classes.release(before.own);
    }
  }

  #columns(fingerprint: string): Columns {
    let columns = this.#byFingerprint.get(fingerprint);
    if (columns === undefined) {
      columns = { tenants: new Map(), byKey: new Map(), replacing: new Map() };
      this.#byFingerprint.set(fingerprint, columns);
    }
    return columns;
  }
}

function columnOf(columns: Columns, { tenant, source }: DocumentKey): Column {
  let sources = columns.tenants.get(tenant);
  if (sources === undefined) {
    sources = new Map();
    columns.tenants.set(tenant, sources);
  }
  let column = sources.get(source);
  if (column === undefined) {
    column = { tenant, source, entries: [], classes: new AccessClasses() };
    sources.set(source, column);
  }
  return column;
}

/** Keys of what an entry says it replaces. */
function replacedBy({ quality, live }: Entry): string[] {
  return quality.supersedes.map((item) => keyString({ ...item, tenant: live.key.tenant }));
}

function link(columns: Columns, entry: Entry): void {
  for (const keyText of replacedBy(entry)) {
    const entries = columns.replacing.get(keyText) ?? new Set();
    columns.replacing.set(keyText, entries.add(entry));
  }
}

function unlink(columns: Columns, entry: Entry): void {
  for (const keyText of replacedBy(entry)) {
    const entries = columns.replacing.get(keyText);
    entries?.delete(entry);
    if (entries?.size === 0) columns.replacing.delete(keyText);
  }
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** The place of a key in sorted entries, or where it belongs. */
function search(entries: readonly Entry[], key: DocumentKey): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle];
    if (entry !== undefined && compareKeys(entry.live.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

type Eligible = NonNullable<SearchFilter["eligible"]>;

/** What the quality gates say, asked anew only when they could say something else. */
function gateAt(entry: Entry, { trust, now }: Eligible): NonNullable<Entry["gate"]> {
  const known = entry.gate;
  if (known?.trust === trust && (now === known.now || (now > known.now && now < known.changesAt))) return known;
  const subject = { source: entry.live.key.source, quality: entry.quality };
  const isOpen = gateOf(subject, trust, now).gate === "eligible";
  entry.gate = { trust, now, changesAt: gateChangesAt(subject, trust, now), isOpen };
  return entry.gate;
}

/** Only pages that replace another, and the visible ones that they name, can matter: mostly a handful. */
function supersededAmong(columns: Columns, visible: readonly Entry[], { trust, now }: Eligible): ReadonlySet<string> {
  const involved = new Set<Entry>();
  const named = new Set<Entry>();
  for (const entry of visible) {
    if (entry.quality.supersedes.length === 0) continue;
    involved.add(entry);
    for (const keyText of replacedBy(entry)) {
      const replaced = columns.byKey.get(keyText);
      if (replaced !== undefined) named.add(replaced);
    }
  }
  if (named.size > 0) for (const entry of visible) if (named.has(entry)) involved.add(entry);
  return supersededKeys(
    [...involved].map(({ live, quality }) => ({ key: live.key, quality })),
    trust,
    now,
  );
}

function conditionsOf(conditions: SearchConditions): (entry: Entry) => boolean {
  const sources = setOf(conditions.sources);
  const labels = setOf(conditions.labels);
  const after = instantOf(conditions.updatedAfter);
  const before = instantOf(conditions.updatedBefore);
  return (entry) => {
    if (sources !== undefined && !sources.has(entry.live.key.source)) return false;
    if (labels !== undefined && !entry.labels.some((label) => labels.has(label))) return false;
    // Written so that NaN, on either side, does not match.
    if (after !== undefined && !(entry.updatedAt >= after)) return false;
    return before === undefined || entry.updatedAt <= before;
  };
}

function setOf(values: readonly string[] | undefined): ReadonlySet<string> | undefined {
  return values === undefined || values.length === 0 ? undefined : new Set(values);
}

function instantOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}
