/** The page of a browser that is not signed in. */
import {el} from './dom.js';
import {explain} from './errors.js';
import {t} from './lang.js';

/**
 * @param {string} why of the server, if it ended the session @param {any} error of the sign-in;
 *     null for none
 */
export function signInPage(why, error) {
  return el(
      'main.signin', {}, el('h1', {}, 'arkshare'), el('h2', {}, t.signIn),
      error ? el('p.error', {role: 'alert'}, explain(error).text) : null,
      why ? el('p', {}, `${t.signedOut} ${t.signedOutWhy[why] ?? ''}`) : null,
      el('p', {}, t.signInHow), el('pre', {tabindex: '0'}, 'arkshare-cli web'));
}
