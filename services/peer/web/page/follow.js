/**
 * Follows IndexService.Watch while this tab is visible. At most two tabs of a browser do so at a
 * time, because each stream takes one of six connections.
 */
import {Retry} from './store/retry.js';

const SLOTS = ['arkshare-watch-1', 'arkshare-watch-2'];
/** A snapshot with more events than this is not read to its end. */
const SNAPSHOT_LIMIT = 50000;

export class Follow {
  /**
   * @param {import('./rpc.js').Rpc} rpc
   * @param {any} request a WatchRequest
   * @param {{event: (event: any) => void, state: (state: 'live'|'off'|'large') => void}} reader
   */
  constructor(rpc, request, reader) {
    this.rpc = rpc;
    this.request = request;
    this.reader = reader;
    this.ended = new AbortController();
    this.retry = new Retry();
    document.addEventListener('visibilitychange', () => this.look(), {signal: this.ended.signal});
    this.look();
  }

  end() {
    this.ended.abort();
    this.running?.abort();
  }

  /** @private */
  look() {
    const visible = document.visibilityState === 'visible';
    if (!visible) {
      this.running?.abort();
      this.running = null;
      this.reader.state('off');
    } else if (!this.running && !this.ended.signal.aborted) {
      this.running = new AbortController();
      this.take(this.running.signal);
    }
  }

  /** @private */
  async take(signal) {
    while (!signal.aborted) {
      try {
        await this.withSlot(() => this.read(signal));
        return;
      } catch {
        if (signal.aborted) return;
        this.reader.state('off');
        await new Promise((resolve) => setTimeout(resolve, this.retry.next(Math.random())));
      }
    }
  }

  /** @private */
  async withSlot(work) {
    if (!navigator.locks) return work();
    for (const name of SLOTS) {
      let taken = false;
      await navigator.locks.request(name, {ifAvailable: true}, async (lock) => {
        taken = lock !== null;
        if (taken) await work();
      });
      if (taken) return undefined;
    }
    throw new Error('too many tabs follow the index');
  }

  /** @private */
  async read(signal) {
    let snapshot = true, count = 0;
    for await (const message of this.rpc.stream('IndexService/Watch', this.request, signal)) {
      for (const event of [message, ...(message.more ?? [])]) {
        if (event.snapshotComplete) {
          snapshot = false;
          this.retry.reset();
          this.reader.state('live');
        } else if (!snapshot) {
          this.reader.event(event);
        } else if (++count > SNAPSHOT_LIMIT) {
          this.reader.state('large');
          return;
        }
      }
    }
  }
}
