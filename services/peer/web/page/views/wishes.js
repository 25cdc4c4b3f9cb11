/** Wishes: what the peer watches for, and what it does when another peer has it. */
import {el} from '../dom.js';
import {explain} from '../errors.js';
import {formatClock} from '../format.js';
import {t} from '../lang.js';
import {formatRoute} from '../route.js';

import {List} from './list.js';

export class WishesView {
  constructor(app) {
    this.app = app;
    this.text = el('input', {type: 'text', required: true, autocomplete: 'off'});
    this.exact = el('input', {type: 'checkbox'});
    this.action =
        el('select', {},
           ...Object.entries(t.wishActions).map(([value, name]) => el('option', {value}, name)));
    this.form =
        el('form.toolbar', {submit: (event) => this.add(event)},
           el('label', {}, `${t.wishText} `, this.text), el('label', {}, this.exact, t.wishExact),
           el('label', {}, `${t.wishAction} `, this.action), el('button.primary', {}, t.addWish));
    this.form.lastChild.type = 'submit';
    this.list = new List(app, {
      label: t.wishes,
      store: app.world.wishes,
      sort: 'text',
      sorts:
          {text: (row) => row.text, found: (row) => Number(row.found), added: (row) => row.added},
      sortNames: {text: t.query, '-found': t.found, '-added': t.added},
      columns: [
        {
          id: 'name',
          title: t.query,
          width: 'minmax(9rem, 2fr)',
          sort: 'text',
          text: (row) => row.kind === 'keywords' ? row.text : t.exact(row.text)
        },
        {id: 'found', title: t.found, width: 'minmax(9rem, 2fr)', sort: 'found', text: foundText},
        {
          id: 'effect',
          title: t.action,
          width: 'minmax(9rem, 2fr)',
          text: (row) => t.wishActions[row.action] ?? ''
        },
        {
          id: 'state',
          title: t.state,
          width: 'minmax(8rem, 2fr)',
          text: (row) => row.error ? explain(row.error).text :
              row.watched          ? '' :
                                     t.wishNotWatched
        },
      ],
      classOf: (row) => row.error ? 'bad' : '',
      empty: () => t.wishesEmpty,
      actions: [
        {
          text: () => t.showFound,
          key: 'Enter',
          primary: true,
          offline: true,
          when: (rows) => rows.length === 1 && rows[0].kind !== 'content',
          run: ([row]) => app.go(formatRoute('search', {q: row.text}))
        },
        {text: () => t.removeWish, key: 'Delete', run: (rows) => this.remove(rows)},
      ]
    });
    this.element = el('div.list', {}, this.form, this.list.element);
  }

  open() {}

  draw() {
    this.list.refresh();
  }

  close() {
    this.list.close();
  }

  /** @private */
  async add(event) {
    event.preventDefault();
    const text = this.text.value.trim();
    if (text === '') return;
    const query = this.exact.checked ? {name: text} : {keywords: text};
    if (await this.app.addWish(query, this.action.value)) this.text.value = '';
  }

  /** @private */
  async remove(rows) {
    try {
      for (const row of rows) await this.app.rpc.call('PeerService/RemoveWish', {wishId: row.id});
    } catch (error) {
      this.app.fail(error);
    }
  }
}

function foundText(row) {
  const [last] = row.last;  // the newest
  const words = t.wishFound(Number(row.found), Number(row.fetched));
  return last ? `${words}: ${last.name} (${t.peer(last.peer)}, ${formatClock(last.time)})` : words;
}
