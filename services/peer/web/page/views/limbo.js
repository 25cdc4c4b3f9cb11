/** Limbo: books that were given away, and that their receivers have not confirmed. */
import {toHex} from '../convert.js';
import {confirm} from '../dialog.js';
import {el} from '../dom.js';
import {formatBytes, formatDay} from '../format.js';
import {t} from '../lang.js';

import {List} from './list.js';

export class LimboView {
  constructor(app) {
    this.app = app;
    this.list = new List(app, {
      label: t.limbo,
      store: app.world.limbo,
      sort: '-time',
      sorts: {time: (row) => row.time, name: (row) => row.name},
      sortNames: {'-time': t.givenAt, name: t.name},
      columns: [
        {
          id: 'name',
          title: t.name,
          width: 'minmax(10rem, 3fr)',
          sort: 'name',
          text: (row) => row.name
        },
        {
          id: 'size',
          title: t.size,
          width: '6rem',
          align: 'end',
          text: (row) => formatBytes(row.size)
        },
        {
          id: 'time',
          title: t.givenAt,
          width: '11rem',
          sort: 'time',
          text: (row) => formatDay(row.time)
        },
        {
          id: 'peer',
          title: t.receiver,
          width: 'minmax(8rem, 1fr)',
          text: (row) => toHex(row.receiver).slice(0, 12)
        },
      ],
      empty: () => t.limboEmpty,
      actions: [{text: (rows) => t.restore, run: (rows) => this.restore(rows)}]
    });
    this.element = el('div.list', {}, el('p.hint', {}, t.limboNote), this.list.element);
  }

  open() {}

  draw() {
    this.list.refresh();
  }

  close() {
    this.list.close();
  }

  /** @private */
  async restore(rows) {
    if (!await confirm(t.restoreTitle(rows.length), t.restoreBody, t.restore)) return;
    let done = 0;
    try {
      for (const row of rows) {
        await this.app.rpc.call('PeerService/RestoreLimbo', {transferId: row.id});
        ++done;
      }
      this.app.toast(t.restored(done));
    } catch (error) {
      this.app.fail(error);
    }
  }
}
