/**
 * The sign-in: a code that works once becomes a token, which dies with the peer's process. The
 * token is in the storage of this page and in no cookie.
 */
import {openCode} from './route.js';
import {readError} from './rpc.js';

const TOKEN = 'arkshare-token', SESSION = 'arkshare-session';

export class Session {
  /**
   * @param {(why: string) => void} onSignedOut is called when the token is worth nothing any more
   */
  constructor(onSignedOut) {
    this.onSignedOut = onSignedOut;
    // Another tab has signed in or out.
    window.addEventListener('storage', (event) => {
      if (event.key === TOKEN && event.newValue === null) this.onSignedOut('');
      if (event.key === TOKEN && event.newValue !== null) location.reload();
    });
  }

  token() {
    return localStorage.getItem(TOKEN) ?? '';
  }

  /** The id of this session in ListPageSessions. */
  id() {
    return localStorage.getItem(SESSION) ?? '';
  }

  /**
   * Uses the code in the address, if there is one, and takes it out of the address.
   * @returns {Promise<import('./rpc.js').RpcError|null>} why the sign-in failed
   */
  async open() {
    const code = openCode(location.hash);
    if (code === '') return null;
    history.replaceState(null, '', '#/search');
    const response = await fetch('/session', {
      method: 'POST',
      cache: 'no-store',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({code})
    });
    const body = await response.json().catch(() => ({}));
    if (!response.ok) return readError(body);
    localStorage.setItem(SESSION, body.sessionId ?? '');
    localStorage.setItem(TOKEN, body.token);
    return null;
  }

  /** The server does not know the token. @param {string} token @param {string} why */
  signedOut(token, why = '') {
    // Another tab may have signed in with a newer one meanwhile.
    if (token !== this.token()) return;
    localStorage.removeItem(TOKEN);
    this.onSignedOut(why);
  }

  async signOut() {
    const token = this.token();
    await fetch('/session', {method: 'DELETE', headers: {Authorization: `Bearer ${token}`}})
        .catch(() => {});
    this.signedOut(token);
  }
}
