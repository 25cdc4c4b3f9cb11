/** Starts the page of a peer: sign-in, connection, views, keys. */
import {Connection} from './connection.js';
import {details} from './dialog.js';
import {el, Frame} from './dom.js';
import {explain} from './errors.js';
import {t} from './lang.js';
import {Arrivals} from './notify.js';
import {parseRoute, formatRoute} from './route.js';
import {Rpc} from './rpc.js';
import {Session} from './session.js';
import {applyTheme, singleKeys} from './settings.js';
import {Shell, signInPage} from './shell.js';
import {World} from './store/world.js';
import {listenForFiles} from './upload.js';

const CLASSES = {search: 'SearchView', library: 'LibraryView', transfers: 'TransfersView',
  group: 'GroupView', peer: 'PeerView', wishes: 'WishesView', limbo: 'LimboView',
  history: 'HistoryView', settings: 'SettingsView'};
const NUMBERED = ['search', 'library', 'transfers', 'group', 'wishes', 'limbo'];
const TICK_MS = 1000;

class App {
  constructor(root) {
    this.root = root;
    this.session = new Session((why) => this.signedOut(why));
    this.rpc = new Rpc(this.session);
    this.world = new World();
    this.frame = new Frame(() => this.draw());
    this.view = null;
    this.viewName = '';
  }

  async start() {
    applyTheme();
    addEventListener('hashchange', () => this.hashChanged());
    const error = await this.session.open().catch((e) => ({message: String(e)}));
    if (error || this.session.token() === '') {
      this.root.replaceChildren(signInPage('', error ? explain(error).text : ''));
      this.root.className = '';
      return;
    }
    this.shell = new Shell({type: (words) => this.typed(words), retry: () => this.connection.wake()});
    this.root.replaceChildren(this.shell.element);
    this.root.className = '';
    this.world.listen(() => this.frame.ask());
    this.arrivals = new Arrivals(this);
    this.connection = new Connection(this.rpc, this.world);
    this.connection.start();
    this.ticks = setInterval(() => this.frame.ask(), TICK_MS);
    document.addEventListener('keydown', (event) => this.key(event));
    document.addEventListener('visibilitychange', () => this.frame.ask());
    listenForFiles(this);
    await this.route();
  }

  /** Draws soon. */
  redraw() {
    this.frame.ask();
  }

  /** @param {string} hash */
  go(hash) {
    location.hash = hash;
  }

  /** Why nothing can be done now; null when it can. @returns {string|null} */
  offlineReason() {
    return this.world.link.state === 'offline' ? t.offlineReason : null;
  }

  toast(text) {
    this.shell.toast(text);
  }

  announce(text) {
    this.shell.announce(text);
  }

  /** Shows an error of a call. @param {any} error */
  fail(error) {
    if (error.name === 'AbortError' || error.code === 'unauthenticated') return;
    if (error.code === undefined) throw error;
    const {text, detail} = explain(error);
    details(text, detail && detail !== text ? [[error.reason || error.code, detail]] : []);
  }

  /**
   * Shows the end of a call for many things.
   * @param {string} done in words; "" for nothing
   * @param {any[]} errors ItemErrors, with a name where there is one
   */
  report(done, errors) {
    this.toast(done);
    const shown = errors.filter((error) => error.message || error.reason);
    if (shown.length === 0) return;
    details(t.addFailed(shown.length), shown.slice(0, 100).map((error) => {
      const {text, detail} = explain(error);
      return [error.name ?? error.reason ?? '', detail || text];
    }));
  }

  /** Sets what the search field shows, unless a person types in it. @param {string} words */
  setQuery(words) {
    if (this.shell.search.value !== words) this.shell.search.value = words;
  }

  /** @param {any} query of AddWishRequest @param {string} action @returns {Promise<boolean>} */
  async addWish(query, action) {
    try {
      await this.rpc.call('PeerService/AddWish', {...query, action: `WISH_ACTION_${action}`});
      this.toast(`${t.wishes}: ${query.keywords ?? query.name}`);
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  signOut() {
    return this.session.signOut();
  }

  showKeys() {
    return details(t.help, t.helpRows);
  }

  /** @private */
  draw() {
    if (!this.shell) return;
    this.shell.draw(this.world);
    this.view?.draw();
  }

  /** @private */
  signedOut(why) {
    if (!this.shell) return;
    this.connection.stop();
    clearInterval(this.ticks);
    this.view?.close();
    this.view = null;
    this.shell = null;
    this.root.replaceChildren(signInPage(why || 'unknown'));
  }

  /** @private */
  hashChanged() {
    // The owner has opened the page again in this tab.
    if (location.hash.startsWith('#/open=')) location.reload();
    else if (this.shell) this.route();
  }

  /** @private */
  async route() {
    const route = parseRoute(location.hash);
    if (route.view !== this.viewName) {
      this.viewName = route.view;
      const module = await import(`./views/${route.view}.js`);
      if (this.viewName !== route.view || !this.shell) return;
      this.view?.close();
      this.view = new module[CLASSES[route.view]](this);
      this.shell.place(route.view, this.view.element);
      if (route.view !== 'search') this.setQuery('');
    }
    this.view?.open(route);
    this.frame.ask();
  }

  /** A person types in the search field, which is there in every view. @private */
  typed(words) {
    if (this.viewName === 'search' && this.view) this.view.type(words);
    else this.go(formatRoute('search', {q: words}));
  }

  /** @private */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !singleKeys()) return;
    if (!this.shell || document.querySelector('dialog[open]')) return;
    if (event.target.closest('input, select, textarea')) {
      if (event.key === 'ArrowDown' && event.target === this.shell.search) this.shell.focusList();
      return;
    }
    if (event.key === '/') {
      this.shell.search.focus();
      this.shell.search.select();
    } else if (event.key === '?') {
      this.showKeys();
    } else if (/^[1-6]$/.test(event.key)) {
      this.go(formatRoute(NUMBERED[Number(event.key) - 1]));
    } else {
      return;
    }
    event.preventDefault();
  }
}

const app = new App(document.getElementById('app'));
app.start().catch((error) => {
  app.root.replaceChildren(el('p.error', {role: 'alert'}, String(error)));
});
