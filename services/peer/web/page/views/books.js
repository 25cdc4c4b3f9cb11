/** Columns and actions of books at other peers: for the search, and for the books of a peer. */
import {formatBytes} from '../format.js';
import {t} from '../lang.js';
import {fold} from '../store/order.js';
import {planMany, planOne} from '../store/plan.js';

export const BOOK_SORTS = {
  rank: (row) => row.rank ?? 0,
  name: (row) => row.folded ??= fold(row.name),
  size: (row) => Number(row.size),
  holders: (row) => row.holderCount ?? 0,
};

/** Who has a book. @param {any} row */
export function holdersText(row) {
  if (row.gone || row.holderCount === 0) return t.holderNone;
  const slots = row.holders.reduce((sum, holder) => sum + holder.slots, 0);
  return row.holderCount === 1 && row.holders.length === 1 ?
      t.holderOne(row.holders[0].peer, slots) :
      t.holderMany(row.holderCount, slots);
}

/**
 * Tells whether a book moves or is copied when a person gets it.
 * @param {any} app @param {any} row @param {boolean} copyOnly
 */
export function effectText(app, row, copyOnly) {
  if (app.world.has(row.contentKey)) return t.isHere;
  if (row.note) return row.note;
  if (row.gone) return row.gone === true ? t.holderNone : row.gone;
  return planOne(row, copyOnly).effect === 'move' ? t.moves : t.copies;
}

export function bookColumns(app, copyOnly, withHolders) {
  const columns = [
    {id: 'name', title: t.name, width: 'minmax(10rem, 4fr)', sort: 'name', text: (row) => row.name},
    {id: 'new', title: '', width: '3rem', text: (row) => row.isNew && !row.gone ? t.isNew : ''},
    {
      id: 'size',
      title: t.size,
      width: '6rem',
      align: 'end',
      sort: 'size',
      text: (row) => formatBytes(row.size)
    },
    {
      id: 'holders',
      title: t.holders,
      width: 'minmax(8rem, 1.2fr)',
      sort: 'holders',
      text: holdersText
    },
    {
      id: 'effect',
      title: t.effect,
      width: 'minmax(8rem, 2fr)',
      text: (row) => effectText(app, row, copyOnly())
    },
  ];
  return withHolders ? columns : columns.filter(({id}) => id !== 'holders' && id !== 'new');
}

export function bookClass(app, row) {
  return app.world.has(row.contentKey) ? 'here' : row.note ? 'noted' : '';
}

/**
 * @param {any} app
 * @param {() => boolean} copyOnly
 * @param {(key: string, note: string, action?: string) => void} note shows something at a row
 */
export function bookActions(app, copyOnly, note) {
  const show = {
    text: () => t.details,
    offline: true,
    when: (rows) => rows.length === 1,
    run: async ([row]) => (await import('./book.js')).showBook(row)
  };
  if (app.readOnly) return [show];
  const get = async (rows, only, sure) => {
    const {getBooks} = await import('../get.js');
    return getBooks(app, rows, only, note, sure);
  };
  let planned = null, result = null;
  const plan = (rows) => {
    // The bar asks several times for the same rows.
    if (rows !== planned) result = planMany(rows, copyOnly(), (key) => app.world.has(key));
    planned = rows;
    return result;
  };
  return [
    {
      primary: true,
      key: 'Enter',
      text: (rows) => t.getPlan(plan(rows).moves, plan(rows).copies),
      when: (rows) => plan(rows).wishes.length > 0,
      run: (rows) => get(rows, copyOnly(), true),
      byKey: (rows) => get(rows, copyOnly(), false)
    },
    {
      key: 'c',
      text: () => t.getCopies,
      when: (rows) => !copyOnly() && plan(rows).moves > 0,
      run: (rows) => get(rows, true, true)
    },
    {
      text: () => t.place,
      when: (rows) => rows.length === 1 && rows[0].action === 'save_as',
      run: async ([row]) => (await import('../get.js')).getAs(app, row, copyOnly(), note)
    },
    show,
  ];
}
