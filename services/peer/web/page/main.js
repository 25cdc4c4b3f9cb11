/** The page of a peer for its owner. */
import {App} from './app.js';
import {Connection} from './connection.js';
import {el} from './dom.js';
import {t} from './lang.js';
import {Rpc} from './rpc.js';
import {Session} from './session.js';

const VIEWS = ['search', 'library', 'transfers', 'group', 'wishes', 'limbo', 'history', 'settings'];

class PeerApp extends App {
  constructor(root) {
    super(root, VIEWS);
    this.session = new Session((why) => this.signedOut(why));
    this.rpc = new Rpc(this.session);
  }

  async start() {
    addEventListener('hashchange', () => {
      // The owner has opened the page again in this tab.
      if (location.hash.startsWith('#/open=')) location.reload();
    });
    const error = await this.session.open().catch((e) => ({message: String(e)}));
    if (error || this.session.token() === '') {
      await this.showSignIn('', error);
      return;
    }
    this.connection = new Connection(this.rpc, this.world);
    this.connection.start();
    await this.show();
    // The first view does not need these.
    const [{Arrivals}, {listenForFiles}] =
        await Promise.all([import('./notify.js'), import('./upload.js')]);
    this.arrivals = new Arrivals(this);
    listenForFiles(this);
  }

  retry() {
    this.connection.tryNow();
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

  /** @private */
  signedOut(why) {
    if (!this.shell) return;
    this.connection.stop();
    this.close();
    this.showSignIn(why || 'unknown', null);
  }

  /** @private */
  async showSignIn(why, error) {
    const {signInPage} = await import('./signin.js');
    this.root.replaceChildren(signInPage(why, error));
    this.root.className = '';
  }
}

const app = new PeerApp(document.getElementById('app'));
app.start().catch((error) => {
  app.root.replaceChildren(el('p.error', {role: 'alert'}, String(error)));
});
