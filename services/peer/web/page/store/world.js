/**
 * Keeps the state of the peer for this tab: one store for each kind, filled by events. No DOM.
 *
 * An event is a plain object, so that the tab that reads from the peer can hand it to the others:
 * - {type: "begin", bootId}: a snapshot begins
 * - {type: "rows", table, put, gone}: rows of a table, and keys
 * - {type: "complete", tables}: the snapshot of these tables is whole
 * - {type: "status", status}
 * - {type: "link", link}: how the peer is reached
 *
 * @typedef {{state: 'starting'|'online'|'offline', since: number, retryAt: number, error: string}}
 *   Link times in ms since 1970
 */
import {KeyedStore} from './keyed.js';

export const TABLES = ['library', 'transfers', 'uploads', 'limbo', 'wishes'];
/** Rows in one message to another tab. */
const BATCH = 5000;

export class World {
  constructor() {
    this.stores = Object.fromEntries(TABLES.map((table) => [table, new KeyedStore()]));
    /** @type {any} */
    this.status = null;
    /** @type {Link} */
    this.link = {state: 'starting', since: 0, retryAt: 0, error: ''};
    this.bootId = '';
    /**
     * How many books of the library have a content; null until a view asks.
     * @type {Map<string, number>|null}
     */
    this.contents = null;
    /** @type {Set<(what: string) => void>} */
    this.listeners = new Set();
  }

  get library() {
    return this.stores.library;
  }
  get transfers() {
    return this.stores.transfers;
  }
  get uploads() {
    return this.stores.uploads;
  }
  get limbo() {
    return this.stores.limbo;
  }
  get wishes() {
    return this.stores.wishes;
  }

  /** Whether the library has the content. @param {string} contentKey */
  has(contentKey) {
    if (this.contents === null) this.trackContents();
    return contentKey !== '' && this.contents.has(contentKey);
  }

  /** @param {any} event */
  apply(event) {
    switch (event.type) {
      case 'begin':
        this.bootId = event.bootId ?? '';
        for (const store of Object.values(this.stores)) store.beginSnapshot();
        break;
      case 'rows':
        this.stores[event.table].apply(event.put, event.gone);
        break;
      case 'complete':
        for (const table of event.tables) this.stores[table].endSnapshot();
        break;
      case 'status':
        this.status = event.status;
        break;
      case 'link':
        this.link = event.link;
        break;
    }
    for (const listener of this.listeners) listener(event.type);
  }

  /** Yields the events that make another world like this one. @returns {Generator<any>} */
  * snapshot() {
    yield {type: 'begin', bootId: this.bootId};
    for (const [table, store] of Object.entries(this.stores)) {
      let put = [];
      for (const row of store.rows.values()) {
        put.push(row);
        if (put.length < BATCH) continue;
        yield {type: 'rows', table, put, gone: []};
        put = [];
      }
      yield {type: 'rows', table, put, gone: []};
    }
    yield {type: 'complete', tables: TABLES.filter((table) => this.stores[table].complete)};
    if (this.status) yield {type: 'status', status: this.status};
    yield {type: 'link', link: this.link};
  }

  /** @param {(what: string) => void} listener gets the type of each event */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @private */
  trackContents() {
    this.contents = new Map();
    const count = (row, by) => {
      if (!row?.content) return;
      const now = (this.contents.get(row.content) ?? 0) + by;
      if (now > 0)
        this.contents.set(row.content, now);
      else
        this.contents.delete(row.content);
    };
    for (const row of this.library.rows.values()) count(row, 1);
    this.library.listen(({put, old, gone}) => {
      for (const row of gone) count(row, -1);
      put.forEach((row, i) => {
        if (old[i]?.content === row.content) return;
        count(old[i], -1);
        count(row, 1);
      });
    });
  }
}
