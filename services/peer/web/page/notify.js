/** Tells when books have arrived and when wishes are found. */
import {t} from './lang.js';

/** What arrives within this time is told together. */
const TOGETHER_MS = 1500;
const NOTIFY = 'arkshare-notify';

/** Whether the browser shows notifications of this page. */
export function notifies() {
  return localStorage.getItem(NOTIFY) === 'on' && globalThis.Notification?.permission === 'granted';
}

/** Asks the browser where that is needed. @param {boolean} on @returns {Promise<boolean>} */
export async function setNotifies(on) {
  if (on && await globalThis.Notification?.requestPermission() !== 'granted') return false;
  localStorage.setItem(NOTIFY, on ? 'on' : 'off');
  return true;
}

export class Arrivals {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.names = [];
    /** What was known before: a book that was done at the first look has not arrived now. */
    this.states = new Map();
    this.found = new Map();
    app.world.transfers.listen((change) => this.transfers(change));
    app.world.wishes.listen((change) => this.wishes(change));
  }

  /** @private */
  transfers({put, gone}) {
    for (const row of put) {
      const before = this.states.get(row.key);
      this.states.set(row.key, row.state);
      if (row.state === 'DONE' && before !== undefined && before !== 'DONE') this.tell(row.name);
    }
    for (const row of gone) this.states.delete(row.key);
  }

  /** @private */
  wishes({put}) {
    for (const row of put) {
      const before = this.found.get(row.key);
      this.found.set(row.key, row.found);
      const [last] = row.last;  // the newest
      if (before === undefined || row.found <= before || !last) continue;
      this.show(t.wishFoundNow(row.text, last.name));
    }
  }

  /** @private */
  tell(name) {
    this.names.push(name);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.show(
          this.names.length === 1 ? t.arrived(this.names[0]) : t.arrivedMany(this.names.length));
      this.names = [];
    }, TOGETHER_MS);
  }

  /** @private */
  show(text) {
    if (!this.app.shell) return;
    this.app.toast(text);
    // One tab of a browser notifies: the one that reads from the peer.
    if (document.visibilityState !== 'visible' && this.app.connection.leading && notifies()) {
      new Notification('arkshare', {body: text, icon: 'icon.svg'});
    }
  }
}
