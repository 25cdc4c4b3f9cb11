/** The address says where a person is: "#/search?q=dune", "#/peer/3". Pure. */

export const VIEWS =
    ['search', 'library', 'transfers', 'group', 'wishes', 'limbo', 'history', 'settings', 'peer'];

/**
 * @typedef {{view: string, id: string, query: Object<string, string>}} Route
 * @param {string} hash
 * @returns {Route} the search for an address that means nothing
 */
export function parseRoute(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [view, id = ''] = path.split('/');
  return {
    view: VIEWS.includes(view) ? view : 'search',
    id: VIEWS.includes(view) ? id : '',
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** @param {string} view @param {Object<string, string>} [query] @param {string|number} [id] */
export function formatRoute(view, query = {}, id = '') {
  const kept = Object.entries(query).filter(([, value]) => value !== '');
  const text = new URLSearchParams(kept).toString();
  return `#/${view}${id === '' ? '' : `/${id}`}${text === '' ? '' : `?${text}`}`;
}

/** Returns the one-time code of "#/open=CODE"; "" for another address. @param {string} hash */
export function openCode(hash) {
  return /^#\/open=([\w-]+)$/.exec(hash)?.[1] ?? '';
}

/**
 * Returns the address of a book. Where the page is at an IP of this machine, books are at
 * "localhost": that is another origin, so a script in a book finds nothing of the page.
 * @param {string} path of OpenBook
 * @param {{protocol: string, hostname: string, host: string}} at the page's location
 * @param {boolean} save the browser saves the book instead of showing it
 */
export function bookAddress(path, at, save) {
  const own = at.hostname === '127.0.0.1' || at.hostname === '[::1]';
  const origin = `${at.protocol}//${own ? at.host.replace(at.hostname, 'localhost') : at.host}`;
  return origin + new URL(path, origin).pathname + (save ? '?save' : '');
}
