/**
 * Gets books: says what happens, asks where something moves, and notes at the rows what was
 * refused.
 */
import {itemError} from './convert.js';
import {ask, askText} from './dialog.js';
import {explain} from './errors.js';
import {t} from './lang.js';
import {planMany} from './store/plan.js';

const WISHES_AT_ONCE = 1000;

/**
 * @param {any} app
 * @param {any[]} rows
 * @param {boolean} copyOnly
 * @param {(key: string, note: string, action?: string) => void} note is told what became of a row
 * @param {boolean} sure do not ask: the button has said what happens
 */
export async function getBooks(app, rows, copyOnly, note, sure) {
  const plan = planMany(rows, copyOnly, (key) => app.world.has(key));
  if (plan.wishes.length === 0) {
    app.toast(plan.here > 0 ? t.nothingToGet : t.nothingSelected);
    return;
  }
  if (plan.moves > 0 && !sure) {
    const answer = await ask({
      title: t.moveTitle(plan.moves),
      body: [t.moveBody(plan.moves, plan.copies)],
      buttons: [
        {value: 'get', text: t.getPlan(plan.moves, plan.copies)},
        {value: 'copy', text: t.getCopies}, {value: '', text: t.cancel}
      ]
    });
    if (answer === '') return;
    if (answer === 'copy') {
      await getBooks(app, rows, true, note, true);
      return;
    }
  }
  app.toast(t.asking(plan.wishes.length));
  let refused = 0;
  try {
    for (let from = 0; from < plan.wishes.length; from += WISHES_AT_ONCE) {
      const wishes = plan.wishes.slice(from, from + WISHES_AT_ONCE);
      const keys = plan.keys.slice(from, from + WISHES_AT_ONCE);
      for (const key of keys) note(key, t.moving);
      refused += await askFor(app, wishes, keys, note);
    }
  } catch (error) {
    for (const key of plan.keys) note(key, '');
    app.fail(error);
    return;
  }
  const asked = plan.wishes.length - refused;
  app.toast([asked > 0 ? t.askedFor(asked) : '', refused > 0 ? t.refused(refused) : '']
                .filter((text) => text !== '')
                .join(' '));
}

/** Asks for a name first, because that of the book cannot be used. */
export async function getAs(app, row, copyOnly, note) {
  const saveAs = await askText(t.placeTitle, t.newName, row.name, t.ok);
  if (saveAs !== '') await getBooks(app, [{...row, saveAs}], copyOnly, note, false);
}

/**
 * Asks for up to 1,000 books, and waits until the peer has said something about each. The transfers
 * belong to the peer, so the stream is not read any further.
 * @returns {Promise<number>} how many were refused
 */
async function askFor(app, wishes, keys, note) {
  const stop = new AbortController();
  const answered = new Set();
  let refused = 0;
  try {
    const stream = app.rpc.stream('PeerService/FetchMany', {wishes, detach: true}, stop.signal);
    for await (const {updates = []} of stream) {
      for (const {index = 0, transfer = {}} of updates) {
        if (answered.has(index)) continue;
        answered.add(index);
        if (transfer.state !== 'TRANSFER_STATE_FAILED') continue;
        ++refused;
        const {text, action} = explain(itemError(transfer.error) ?? {message: transfer.message});
        note(keys[index], text, action);
      }
      if (answered.size === wishes.length) break;
    }
  } finally {
    stop.abort();
  }
  return refused;
}
