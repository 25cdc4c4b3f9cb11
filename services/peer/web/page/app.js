/** What the pages of a peer and of an index have in common: views, routes, keys, notes. */
import {Frame} from './dom.js';
import {t} from './lang.js';
import {formatRoute, parseRoute} from './route.js';
import {applyTheme, singleKeys} from './settings.js';
import {Shell} from './shell.js';
import {World} from './store/world.js';

/** The views by their names in an address. Each name is whole, so that a bundler finds its file. */
const VIEWS = {
  search: async () => (await import('./views/search.js')).SearchView,
  library: async () => (await import('./views/library.js')).LibraryView,
  transfers: async () => (await import('./views/transfers.js')).TransfersView,
  group: async () => (await import('./views/group.js')).GroupView,
  peer: async () => (await import('./views/peer.js')).PeerView,
  wishes: async () => (await import('./views/wishes.js')).WishesView,
  limbo: async () => (await import('./views/limbo.js')).LimboView,
  history: async () => (await import('./views/history.js')).HistoryView,
  settings: async () => (await import('./views/settings.js')).SettingsView,
};
const TICK_MS = 1000;

export class App {
  /**
   * @param {HTMLElement} root
   * @param {string[]} views those in the navigation
   */
  constructor(root, views) {
    this.root = root;
    this.views = views;
    this.world = new World();
    this.frame = new Frame(() => this.draw());
    /** The shown view. @type {any} */
    this.view = null;
    /** The view of the address, which may still be on its way, and the one that is shown. */
    this.viewName = this.shownName = '';
    /** Nothing can be changed from this page. */
    this.readOnly = false;
    applyTheme();
  }

  /** Shows the frame and the view of the address. */
  async show() {
    this.shell =
        new Shell(this.views, {type: (words) => this.typed(words), retry: () => this.retry()});
    this.root.replaceChildren(this.shell.element);
    this.root.className = '';
    this.world.listen(() => this.redraw());
    this.ticks = setInterval(() => this.redraw(), TICK_MS);
    document.addEventListener('keydown', (event) => this.key(event));
    document.addEventListener('visibilitychange', () => this.redraw());
    addEventListener('hashchange', () => this.route());
    await this.route();
  }

  /** Ends everything but the page itself. */
  close() {
    clearInterval(this.ticks);
    this.view?.close();
    this.view = null;
    this.shell = null;
  }

  /** Draws soon. */
  redraw() {
    this.frame.ask();
  }

  /** @param {string} hash */
  go(hash) {
    location.hash = hash;
  }

  /** Tries to reach the server now. */
  retry() {}

  /** Why nothing can be done now; null when it can. @returns {string|null} */
  offlineReason() {
    return this.world.link.state === 'offline' ? t.offlineReason : null;
  }

  toast(text) {
    this.shell?.toast(text);
  }

  announce(text) {
    this.shell?.announce(text);
  }

  /** Shows an error of a call. @param {any} error */
  async fail(error) {
    if (error.name === 'AbortError' || error.code === 'unauthenticated') return;
    if (error.code === undefined) throw error;
    const [{explain}, {details}] =
        await Promise.all([import('./errors.js'), import('./dialog.js')]);
    const {text, detail} = explain(error);
    details(text, detail && detail !== text ? [[error.reason || error.code, detail]] : []);
  }

  /**
   * Shows the end of a call for many things.
   * @param {string} done in words; "" for nothing
   * @param {any[]} errors ItemErrors, with a name where there is one
   */
  async report(done, errors) {
    this.toast(done);
    const shown = errors.filter((error) => error.message || error.reason);
    if (shown.length === 0) return;
    const [{explain}, {details}] =
        await Promise.all([import('./errors.js'), import('./dialog.js')]);
    details(t.notDone(shown.length), shown.slice(0, 100).map((error) => {
      const {text, detail} = explain(error);
      return [error.name ?? error.reason ?? '', detail || text];
    }));
  }

  /** Sets what the search field shows. @param {string} words */
  setQuery(words) {
    if (this.shell.search.value !== words) this.shell.search.value = words;
  }

  async showKeys() {
    const {details} = await import('./dialog.js');
    return details(t.help, t.helpRows);
  }

  /** @private */
  draw() {
    if (!this.shell) return;
    this.shell.draw(this.world);
    this.view?.draw();
  }

  /** @private */
  async route() {
    if (!this.shell) return;
    const {view} = parseRoute(location.hash);
    if (view !== this.viewName) {
      this.viewName = view;
      const View = await VIEWS[view]();
      if (this.viewName !== view || !this.shell) return;
      this.view?.close();
      this.view = new View(this);
      this.shownName = view;
      this.shell.place(view, this.view.element);
      if (view !== 'search') this.setQuery('');
    }
    // The address may have changed while the view was loaded.
    if (this.view && this.shownName === view) this.view.open(parseRoute(location.hash));
    this.redraw();
  }

  /** A person types in the search field, which is there in every view. @private */
  typed(words) {
    // The view of the search may still be on its way.
    if (this.view?.type)
      this.view.type(words);
    else
      this.go(formatRoute('search', {q: words}));
  }

  /** @private */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !singleKeys()) return;
    if (!this.shell || document.querySelector('dialog[open]')) return;
    if (event.target.closest('input, select, textarea')) {
      if (event.key === 'ArrowDown' && event.target === this.shell.search) this.shell.focusList();
      return;
    }
    const view = /^[1-6]$/.test(event.key) ? this.views[Number(event.key) - 1] : undefined;
    if (event.key === '/') {
      this.shell.search.focus();
      this.shell.search.select();
    } else if (event.key === '?') {
      this.showKeys();
    } else if (view !== undefined) {
      this.go(formatRoute(view));
    } else {
      return;
    }
    event.preventDefault();
  }
}
