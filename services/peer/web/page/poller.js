/** Reads the peer without a stream: for tabs that each read for themselves. */
import {libraryRow, limboRow, statusOf, transferRow, uploadRow, wishRow} from './convert.js';
import {difference} from './store/difference.js';
import {TABLES} from './store/world.js';

/** A library is read again after this long even if its numbers are the same. */
const LIBRARY_MS = 30000;
const POLL_MS = 1000;

/** Asks once a second, and tells what differs. */
export class Poller {
  constructor(rpc, sink, signal, alive) {
    this.rpc = rpc;
    this.sink = sink;
    this.signal = signal;
    this.alive = alive;
    this.before = Object.fromEntries(TABLES.map((table) => [table, new Map()]));
    this.completed = new Set();
    this.libraryMark = '';
    this.libraryTime = -Infinity;
  }

  async run() {
    this.sink({type: 'begin', bootId: ''});
    while (!this.signal.aborted) {
      const status = statusOf(await this.rpc.call('PeerService/GetStatus', {}, this.signal));
      this.alive();
      this.sink({type: 'status', status});
      await this.read(
          'transfers', 'PeerService/ListTransfers',
          ({transfers = []}) =>
              transfers.map((transfer, i) => transferRow(transfer, transfers.length - i)));
      await this.read(
          'uploads', 'PeerService/ListUploads', ({uploads = []}) => uploads.map(uploadRow));
      await this.read('limbo', 'PeerService/ListLimbo', ({entries = []}) => entries.map(limboRow));
      await this.read('wishes', 'PeerService/ListWishes', ({wishes = []}) => wishes.map(wishRow));
      await this.readLibrary(status);
      await this.pause();
    }
  }

  async read(table, call, convert) {
    this.replace(table, convert(await this.rpc.call(call, {}, this.signal)));
  }

  async readLibrary(status) {
    const mark =
        [status.bookCount, status.bookBytes, status.pendingFiles, status.notIndexedCount].join();
    const now = performance.now();
    if (mark === this.libraryMark && now - this.libraryTime < LIBRARY_MS) return;
    const rows = [];
    let pageToken = '';
    do {
      const answer =
          await this.rpc.call('PeerService/ListLibrary', {pageSize: 1000, pageToken}, this.signal);
      const page = (answer.entries ?? []).map(libraryRow);
      // The first pages are shown before the last ones are here.
      if (!this.completed.has('library')) {
        this.sink({type: 'rows', table: 'library', put: page, gone: []});
        for (const row of page) this.before.library.set(row.key, row);
      }
      rows.push(...page);
      pageToken = answer.nextPageToken ?? '';
      this.alive();
    } while (pageToken !== '');
    this.replace('library', rows);
    this.libraryMark = mark;
    this.libraryTime = performance.now();
  }

  replace(table, rows) {
    const {put, gone} = difference(this.before[table], rows);
    if (put.length > 0 || gone.length > 0) this.sink({type: 'rows', table, put, gone});
    this.before[table] = new Map(rows.map((row) => [row.key, row]));
    if (this.completed.has(table)) return;
    this.completed.add(table);
    this.sink({type: 'complete', tables: [table]});
  }

  pause() {
    return new Promise((resolve) => {
      const timer = setTimeout(done, POLL_MS);
      function done() {
        clearTimeout(timer);
        resolve(undefined);
      }
      this.signal.addEventListener('abort', done, {once: true});
    });
  }
}
