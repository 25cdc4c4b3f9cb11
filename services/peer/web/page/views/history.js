/** History: what was received and given, also before this start of the peer. */
import {toHex, toNumber, toTime} from '../convert.js';
import {el, show} from '../dom.js';
import {explain} from '../errors.js';
import {formatBytes, formatDay} from '../format.js';
import {t} from '../lang.js';
import {KeyedStore} from '../store/keyed.js';

import {List} from './list.js';

const PAGE = 500;

export class HistoryView {
  constructor(app) {
    this.app = app;
    this.store = new KeyedStore();
    this.error = '';
    this.moreButton = el('button', {hidden: true, click: () => this.read()}, t.more);
    this.list = new List(app, {
      label: t.history,
      store: this.store,
      sort: '-time',
      sorts: {time: (row) => row.time, name: (row) => row.name, size: (row) => Number(row.size)},
      sortNames: {'-time': t.time, name: t.name, '-size': t.size},
      columns: [
        {
          id: 'name',
          title: t.name,
          width: 'minmax(10rem, 3fr)',
          sort: 'name',
          text: (row) => row.name
        },
        {id: 'state', title: t.what, width: '7rem', text: (row) => t.historyKinds[row.kind] ?? ''},
        {
          id: 'size',
          title: t.size,
          width: '6rem',
          align: 'end',
          sort: 'size',
          text: (row) => formatBytes(row.size)
        },
        {
          id: 'time',
          title: t.time,
          width: '11rem',
          sort: 'time',
          text: (row) => formatDay(row.time)
        },
        {
          id: 'peer',
          title: t.peerNumber,
          width: 'minmax(8rem, 1fr)',
          text: (row) => toHex(row.peer).slice(0, 12)
        },
      ],
      empty: () => this.error || t.historyEmpty,
      tools: [this.moreButton]
    });
    this.list.bar.hidden = true;
    this.element = this.list.element;
  }

  open() {
    if (this.store.size === 0) this.read();
  }

  draw() {}

  close() {
    this.list.close();
  }

  /** @private */
  async read() {
    try {
      const answer = await this.app.rpc.call(
          'PeerService/ListHistory', {pageSize: PAGE, pageToken: this.token ?? ''});
      this.store.apply((answer.entries ?? []).map(historyRow), []);
      this.token = answer.nextPageToken ?? '';
      show(this.moreButton, this.token !== '');
    } catch (error) {
      this.error = explain(error).text;
    }
    this.list.table.applyOrder();
    this.list.refresh();
  }
}

/** @param {any} entry HistoryEntry @param {number} order */
function historyRow(entry, order) {
  return {
    key: `${entry.transferId ?? ''}${entry.kind ?? ''}`,
    order,
    kind: (entry.kind ?? '').replace('HISTORY_KIND_', ''),
    name: entry.name ?? '',
    size: toNumber(entry.content?.sizeBytes),
    peer: entry.publicKey ?? '',
    time: toTime(entry.time),
  };
}
