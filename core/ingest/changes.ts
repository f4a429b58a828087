import { type DocumentKey, keyString } from "../document.ts";

/** Tells those who wait in this process that something became of a document. A hint only: what is true stands in the ledger. */
export interface DocumentChanges {
  /** Something about the document changed. */
  changed(key: DocumentKey): void;
  /** Calls back at every change of the document until the returned function is called. */
  watch(key: DocumentKey, callback: () => void): () => void;
}

/** Makes the notifier that the worker feeds and {@link waitUntilSearchable} listens to. */
export function documentChanges(): DocumentChanges {
  const watchers = new Map<string, Set<() => void>>();
  return {
    changed(key) {
      for (const callback of watchers.get(keyString(key)) ?? []) callback();
    },
    watch(key, callback) {
      const name = keyString(key);
      const mine = watchers.get(name) ?? new Set();
      watchers.set(name, mine);
      // Wrapped, so that the same function given twice is watched twice.
      const entry = (): void => callback();
      mine.add(entry);
      return () => {
        mine.delete(entry);
        if (mine.size === 0 && watchers.get(name) === mine) watchers.delete(name);
      };
    },
  };
}
