/**
 * The order in which a table shows the rows of a store: filtered and sorted, and held while a
 * person reads it. No DOM.
 *
 * While the order is held, rows keep their places: new rows wait, and a row that is gone stays as
 * the last thing known of it, with `gone` set. Values of rows change at once in any case.
 */

/** Returns a text as it is compared and searched: without case and accents. @param {string} text */
export function fold(text) {
  if (/^[\x20-\x40\x5b-\x7e]*$/.test(text)) return text;  // the same string costs no memory
  return text.normalize('NFKD').replace(/\p{M}+/gu, '').toLowerCase();
}

/**
 * Returns a test whether a name has all words. @param {string} query
 * @returns {((folded: string) => boolean)|null} null: the query has no words
 */
export function matcher(query) {
  const words = fold(query).split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return null;
  return (folded) => words.every((word) => folded.includes(word));
}

export class RowOrder {
  /**
   * @param {import('./keyed.js').KeyedStore} store
   * @param {Object<string, (row: any) => string|number>} sorts what each order compares
   * @param {string} sort the name of a sort; "-" before it reverses
   */
  constructor(store, sorts, sort) {
    this.store = store;
    this.sorts = sorts;
    this.sort = sort;
    /** @type {(row: any) => boolean} */
    this.filter = () => true;
    /** @type {string[]} */
    this.keys = [];
    /** @type {Map<string, number>} */
    this.places = new Map();
    /** Rows that are gone and still shown. @type {Map<string, any>} */
    this.ghosts = new Map();
    this.held = false;
    /** The order is not that of the present values. */
    this.stale = true;
    /** New rows that wait. @type {Set<string>} */
    this.waiting = new Set();
    this.unlisten = store.listen((change) => this.change(change));
  }

  get length() {
    return this.keys.length;
  }

  /** @param {number} index @returns {any} */
  rowAt(index) {
    const key = this.keys[index];
    return this.store.get(key) ?? this.ghosts.get(key);
  }

  /** @param {string} key @returns {number} -1: not shown */
  indexOf(key) {
    return this.places.get(key) ?? -1;
  }

  /** @param {string} key */
  isGhost(key) {
    return this.ghosts.has(key);
  }

  /** @param {(row: any) => boolean} filter */
  setFilter(filter) {
    this.filter = filter;
    this.apply();
  }

  /** @param {string} sort */
  setSort(sort) {
    this.sort = sort;
    this.apply();
  }

  /** Brings filter and order up to date, also while it is held. */
  apply() {
    const seen = this.places, rows = [];
    // Rows that have a place come first in it: sorting what is nearly sorted is cheap.
    for (const key of this.keys) {
      const row = this.store.get(key);
      if (row !== undefined && this.filter(row)) rows.push(row);
    }
    for (const row of this.store.rows.values()) {
      if (!seen.has(row.key) && this.filter(row)) rows.push(row);
    }
    sortRows(rows, this.sorts, this.sort);
    this.keys = rows.map((row) => row.key);
    this.places = new Map();
    for (let i = 0; i < this.keys.length; ++i) this.places.set(this.keys[i], i);
    this.ghosts.clear();
    this.waiting.clear();
    this.stale = false;
  }

  /** Applies what waits, unless the order is held. @returns {boolean} whether the order changed */
  refresh() {
    if (!this.stale || this.held) return false;
    this.apply();
    return true;
  }

  close() {
    this.unlisten();
  }

  /** @private */
  change({put, gone}) {
    for (const row of gone) {
      this.waiting.delete(row.key);
      if (!this.places.has(row.key)) continue;
      this.ghosts.set(row.key, {...row, gone: row.gone || true});
      this.stale = true;
    }
    const value = this.sorts[this.sort.replace(/^-/, '')];
    for (const row of put) {
      const index = this.places.get(row.key);
      if (index === undefined) {
        if (!this.filter(row)) continue;
        this.waiting.add(row.key);
        this.stale = true;
        continue;
      }
      this.ghosts.delete(row.key);
      if (!this.stale && (!this.filter(row) || this.misplaced(row, index, value)))
        this.stale = true;
    }
  }

  /** Whether a row no longer fits between its neighbours. @private */
  misplaced(row, index, value) {
    const sign = this.sort.startsWith('-') ? -1 : 1;
    const before = index > 0 ? this.rowAt(index - 1) : undefined;
    const after = index + 1 < this.keys.length ? this.rowAt(index + 1) : undefined;
    const own = value(row);
    return before !== undefined && compare(value(before), own) * sign > 0 ||
        after !== undefined && compare(own, value(after)) * sign > 0;
  }
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Sorts in place, equal ones by key.
 * @param {any[]} rows
 * @param {Object<string, (row: any) => string|number>} sorts
 * @param {string} sort
 */
export function sortRows(rows, sorts, sort) {
  const value = sorts[sort.replace(/^-/, '')];
  const sign = sort.startsWith('-') ? -1 : 1;
  rows.sort((a, b) => compare(value(a), value(b)) * sign || compare(a.key, b.key));
}
