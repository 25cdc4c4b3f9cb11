/**
 * One reader of the peer for all tabs of a browser. A browser has six connections to a server, so a
 * stream in each tab would hang the seventh. The tabs elect a leader by a Web Lock. It reads, and
 * hands every event to the others by a BroadcastChannel.
 *
 * Without Web Locks (plain http from another machine) each tab reads for itself, by polling.
 */
import {readPeer} from './source.js';
import {Retry} from './store/retry.js';

const LOCK = 'arkshare-leader';
const CHANNEL = 'arkshare';
const BEAT_MS = 2000;
/** A tab that is visible takes over from a leader that it has not heard for this long. */
const DEAF_MS = 12000;

export class Connection {
  /**
   * @param {import('./rpc.js').Rpc} rpc
   * @param {import('./store/world.js').World} world
   */
  constructor(rpc, world) {
    this.rpc = rpc;
    this.world = world;
    this.tab = String(Math.random());  // crypto.randomUUID is not there without https
    this.leading = false;
    /** When this tab became the leader; a tab that was frozen has an earlier one. */
    this.epoch = 0;
    this.newest = 0;
    this.lastBeat = 0;
    this.retry = new Retry();
    /** Ends this tab's part. */
    this.stopped = new AbortController();
    /** Ends the pause before the next try. */
    this.wake = () => {};
  }

  start() {
    this.lastBeat = performance.now();
    const signal = this.stopped.signal;
    window.addEventListener('online', () => this.wake(), {signal});
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.wake();
    }, {signal});
    if (!navigator.locks) {
      this.lead(signal);
      return;
    }
    this.channel = new BroadcastChannel(CHANNEL);
    this.channel.onmessage = ({data}) => this.receive(data);
    this.channel.postMessage({ask: this.tab});
    this.contend({});
    this.beats = setInterval(() => this.beat(), BEAT_MS);
  }

  /** Tries to reach the peer now, in the tab that reads. */
  tryNow() {
    this.wake();
    if (!this.leading) this.channel?.postMessage({wake: true});
  }

  stop() {
    this.stopped.abort();
    this.queued?.abort();
    clearInterval(this.beats);
    this.channel?.close();
  }

  /** Waits to become the leader. @private */
  contend(options) {
    this.queued?.abort();
    const queued = new AbortController();
    this.queued = queued;
    const signal = options.steal ? {} : {signal: queued.signal};
    navigator.locks.request(LOCK, {...signal, ...options}, () => this.lead(this.stopped.signal))
        .catch(() => {
          if (this.stopped.signal.aborted || this.queued !== queued) return;
          // Another tab took the lock, because this one was frozen: it follows from now on.
          this.reading?.abort();
          this.leading = false;
          this.lastBeat = performance.now();
          this.contend({});
          this.channel.postMessage({ask: this.tab});
        });
  }

  /** Reads the peer until this tab ends or loses the lock. @private */
  async lead(signal) {
    this.leading = true;
    this.epoch = Date.now();
    this.reading = new AbortController();
    const reading = this.reading;
    signal.addEventListener('abort', () => reading.abort());
    while (!reading.signal.aborted) {
      try {
        await readPeer(this.rpc, (event) => this.tell(event), reading.signal, () => this.alive());
      } catch (error) {
        if (reading.signal.aborted || error.code === 'unauthenticated') return;
        await this.pause(error, reading.signal);
      }
    }
  }

  /** @private */
  alive() {
    this.retry.reset();
    if (this.world.link.state === 'online') return;
    this.tell({type: 'link', link: {state: 'online', since: Date.now(), retryAt: 0, error: ''}});
  }

  /** @private */
  pause(error, signal) {
    const wait = this.retry.next(Math.random());
    const {link} = this.world;
    const since = link.state === 'offline' ? link.since : Date.now();
    const shown = error.code === 'offline' ? '' : error.message ?? String(error);
    this.tell(
        {type: 'link', link: {state: 'offline', since, retryAt: Date.now() + wait, error: shown}});
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), wait);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = () => {};
        resolve(undefined);
      };
      signal.addEventListener('abort', () => this.wake(), {once: true});
    });
  }

  /** @private */
  tell(event) {
    this.world.apply(event);
    this.channel?.postMessage({epoch: this.epoch, event});
  }

  /** @private */
  beat() {
    if (this.stopped.signal.aborted) return;
    if (this.leading) {
      this.channel.postMessage({epoch: this.epoch, beat: true});
    } else if (
        document.visibilityState === 'visible' && performance.now() - this.lastBeat > DEAF_MS) {
      this.lastBeat = performance.now();
      this.contend({steal: true});
    }
  }

  /** @private */
  receive(data) {
    if (data.ask && this.leading) {
      for (const event of this.world.snapshot()) {
        this.channel.postMessage({epoch: this.epoch, to: data.ask, event});
      }
      return;
    }
    if (data.wake) this.wake();
    // A tab that wakes up after it was frozen may still believe that it leads.
    if (this.leading || !(data.epoch >= this.newest)) return;
    this.newest = data.epoch;
    this.lastBeat = performance.now();
    if (data.event && (data.to ?? this.tab) === this.tab) this.world.apply(data.event);
  }
}
