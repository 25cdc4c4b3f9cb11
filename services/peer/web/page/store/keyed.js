/**
 * Rows by key, and who wants to know of changes. No DOM.
 *
 * @typedef {{key: string}} Row
 * @typedef {{put: Row[], old: (Row|undefined)[], gone: Row[]}} Change with what `put` replaces
 */

export class KeyedStore {
  constructor() {
    /** @type {Map<string, any>} */
    this.rows = new Map();
    /** @type {Set<(change: Change) => void>} */
    this.listeners = new Set();
    /** While a snapshot arrives: the keys that it has repeated. @type {Set<string>|null} */
    this.fresh = null;
    /** Everything that was there when the store began is here now. */
    this.complete = false;
  }

  get size() {
    return this.rows.size;
  }

  /** @param {string} key */
  get(key) {
    return this.rows.get(key);
  }

  /** Rows take the place of those with the same key. @param {any[]} put @param {string[]} gone */
  apply(put, gone) {
    const left = [];
    for (const key of gone) {
      const row = this.rows.get(key);
      if (row === undefined) continue;
      this.rows.delete(key);
      left.push(row);
    }
    const old = [];
    for (const row of put) {
      old.push(this.rows.get(row.key));
      this.rows.set(row.key, row);
      this.fresh?.add(row.key);
    }
    if (put.length > 0 || left.length > 0) this.tell({put, old, gone: left});
  }

  /** A snapshot begins: what it does not repeat is gone when it ends. */
  beginSnapshot() {
    this.fresh = new Set();
  }

  endSnapshot() {
    if (this.fresh === null) return;
    const fresh = this.fresh;
    this.fresh = null;
    this.complete = true;
    this.apply([], Array.from(this.rows.keys()).filter((key) => !fresh.has(key)));
    this.tell({put: [], old: [], gone: []});
  }

  /** @param {(change: Change) => void} listener @returns {() => void} ends it */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @private */
  tell(change) {
    for (const listener of this.listeners) listener(change);
  }
}
