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
