/**
 * Where the events of the world come from: the stream WatchOwn of the peer, or polling in a browser
 * that has no locks.
 */
import {libraryRow, limboRow, statusOf, transferRow, uploadRow, wishRow} from './convert.js';
import {RpcError} from './rpc.js';
import {TABLES} from './store/world.js';

/** A stream without any message for this long is dead: the peer sends one every 10 s. */
const SILENCE_MS = 25000;

/**
 * Reads until the signal aborts or the peer fails.
 * @param {import('./rpc.js').Rpc} rpc
 * @param {(event: any) => void} sink
 * @param {AbortSignal} signal
 * @param {() => void} alive is called for each answer
 */
export async function readPeer(rpc, sink, signal, alive) {
  // Without locks every tab reads, and a browser has no connections for many streams.
  if (navigator.locks) return readStream(rpc, sink, signal, alive);
  const {Poller} = await import('./poller.js');
  return new Poller(rpc, sink, signal, alive).run();
}

async function readStream(rpc, sink, signal, alive) {
  const ending = new AbortController();
  const end = () => ending.abort();
  signal.addEventListener('abort', end);
  let silence = 0, silent = false;
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      silent = true;
      end();
    }, SILENCE_MS);
  };
  try {
    listen();
    let begun = false;
    for await (const message of rpc.stream('PeerService/WatchOwn', {}, ending.signal)) {
      listen();
      alive();
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
