/**
 * Where the events of the world come from: the stream WatchOwn of the peer, and polling where the
 * peer does not have it.
 */
import {libraryRow, limboRow, statusOf, transferRow, uploadRow, wishRow} from './convert.js';
import {RpcError} from './rpc.js';
import {difference} from './store/keyed.js';
import {TABLES} from './store/world.js';

/** A stream without any message for this long is dead: the peer sends one every 10 s. */
const SILENCE_MS = 25000;
/** A library is read again after this long even if its numbers are the same. */
const LIBRARY_MS = 30000;
const POLL_MS = 1000;

/**
 * Reads until the signal aborts or the peer fails.
 * @param {import('./rpc.js').Rpc} rpc
 * @param {(event: any) => void} sink
 * @param {AbortSignal} signal
 * @param {() => void} alive is called for each answer
 */
export async function readPeer(rpc, sink, signal, alive) {
  if (rpc.has('PeerService/WatchOwn')) {
    try {
      return await readStream(rpc, sink, signal, alive);
    } catch (error) {
      if (error.code !== 'unimplemented') throw error;
    }
  }
  return new Poller(rpc, sink, signal, alive).run();
}

async function readStream(rpc, sink, signal, alive) {
  const ending = new AbortController();
  const end = () => ending.abort();
  signal.addEventListener('abort', end);
  let silence = 0, silent = false;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => { silent = true; end(); }, SILENCE_MS);
    alive();
  };
  try {
    heard();
    let begun = false;
    for await (const message of rpc.stream('PeerService/WatchOwn', {}, ending.signal)) {
      heard();
      if (!begun) sink({type: 'begin', bootId: message.bootId ?? ''});
      begun = true;
      for (const event of watchEvents(message)) sink(event);
    }
    throw new RpcError('unavailable', 'The peer ended the stream.');
  } catch (error) {
    throw silent ? new RpcError('offline', 'The peer has sent nothing for 25 s.') : error;
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', end);
  }
}

const WATCHED = [
  ['library', 'library', libraryRow, 'libraryGone'],
  ['transfers', 'transfers', transferRow, 'transfersForgotten'],
  ['uploads', 'uploads', uploadRow, 'uploadsEnded'],
  ['limbo', 'limbo', limboRow, 'limboGone'],
  ['wishes', 'wishes', wishRow, 'wishesGone'],
];

/** Returns the events of a WatchOwnResponse. Pure. @param {any} message @returns {any[]} */
export function watchEvents(message) {
  const events = [];
  for (const [table, field, convert, goneField] of WATCHED) {
    const put = (message[field] ?? []).map((item) => convert(item));
    const gone = (message[goneField] ?? []).map(String);
    if (put.length > 0 || gone.length > 0) events.push({type: 'rows', table, put, gone});
  }
  if (message.status) events.push({type: 'status', status: statusOf(message.status)});
  if (message.snapshotComplete) events.push({type: 'complete', tables: TABLES});
  return events;
}

/** Asks once a second, and tells what differs. */
class Poller {
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
      await this.read('transfers', 'PeerService/ListTransfers', ({transfers = []}) =>
        transfers.map((transfer, i) => transferRow(transfer, transfers.length - i)));
      await this.read('uploads', 'PeerService/ListUploads', ({uploads = []}) =>
        uploads.map(uploadRow));
      await this.read('limbo', 'PeerService/ListLimbo', ({entries = []}) => entries.map(limboRow));
      await this.read('wishes', 'PeerService/ListWishes', ({wishes = []}) => wishes.map(wishRow));
      await this.readLibrary(status);
      await this.pause();
    }
  }

  async read(table, call, convert) {
    let rows = [];
    try {
      if (this.rpc.has(call)) rows = convert(await this.rpc.call(call, {}, this.signal));
    } catch (error) {
      if (error.code !== 'unimplemented') throw error;
    }
    this.replace(table, rows);
  }

  async readLibrary(status) {
    const mark = [status.bookCount, status.bookBytes, status.pendingFiles, status.notIndexedCount]
      .join();
    const now = performance.now();
    if (mark === this.libraryMark && now - this.libraryTime < LIBRARY_MS) return;
    const rows = [];
    let pageToken = '';
    do {
      const answer = await this.rpc.call('PeerService/ListLibrary', {pageSize: 1000, pageToken},
        this.signal);
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
      function done() { clearTimeout(timer); resolve(undefined); }
      this.signal.addEventListener('abort', done, {once: true});
    });
  }
}
