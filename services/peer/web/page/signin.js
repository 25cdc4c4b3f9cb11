/** The page of a browser that is not signed in. */
import {el} from './dom.js';
import {t} from './lang.js';

/** @param {string} why of the server, if it ended the session @param {string} [error] */
export function signInPage(why, error = '') {
  return el('main.signin', {}, el('h1', {}, 'arkshare'), el('h2', {}, t.signIn),
    error ? el('p.error', {role: 'alert'}, error) : null,
    why ? el('p', {}, `${t.signedOut} ${t.signedOutWhy[why] ?? ''}`) : null,
    el('p', {}, t.signInHow), el('pre', {tabindex: '0'}, 'arkshare-cli web'));
}
