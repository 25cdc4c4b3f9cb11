/** Transfers: what comes, what goes out, and what can be done about it. */
import {askText, confirm, details} from '../dialog.js';
import {el, setText, show} from '../dom.js';
import {explain} from '../errors.js';
import {formatBytes, formatDay, formatRate, formatTimeLeft, percent} from '../format.js';
import {t} from '../lang.js';
import {formatRoute} from '../route.js';
import {transferActions, transferGroup} from '../store/actions.js';
import {fold} from '../store/order.js';

import {List} from './list.js';

const GROUPS = ['coming', 'waiting', 'failed', 'done'];
const SORTS = {
  state: (row) => GROUPS.indexOf(transferGroup(row)) * 1e14 - row.started,
  name: (row) => row.folded ??= fold(row.name),
  size: (row) => Number(row.size),
};
const IDS_AT_ONCE = 1000;

/** The state of a transfer in words. @param {any} row */
export function stateText(row) {
  switch (row.state) {
    case 'QUEUED':
      return row.position > 0 ? t.queued(row.position, formatTimeLeft(row.wait)) : t.queuedPlain;
    case 'FETCHING':
      return `${percent(Number(row.done), Number(row.size))} %${
          row.message ? ` · ${row.message}` : ''}`;
    case 'HANDING_OVER':
      return row.placeless ? `${t.placeless}: ${row.message}` : row.message || t.handing(row.from);
    case 'DONE':
      return row.message || (row.moving ? t.doneMoved : t.doneCopied);
    case 'FAILED': {
      const {text, detail} = explain(row.error ?? {message: row.message});
      return detail && detail !== text ? `${text} ${detail}` : text;
    }
  }
  return '';
}

/** Where the bytes come from. @param {any} row */
export function fromText(row) {
  const all = row.sources.reduce((sum, part) => sum + Number(part.bytes), 0);
  if (all === 0) return row.from ? t.peer(row.from) : '';
  return t.fromMany(row.sources.slice(0, 3).map(
      (part) => ({peer: part.peer, percent: Math.round(Number(part.bytes) / all * 100)})));
}

function needsName(row) {
  return row.state === 'FAILED' && explain(row.error ?? {}).action === 'save_as';
}

function timeLeft(row) {
  if (row.state !== 'FETCHING' || row.rate <= 0) return '';
  return formatTimeLeft((Number(row.size) - Number(row.done)) / row.rate);
}

export class TransfersView {
  constructor(app) {
    this.app = app;
    this.group = '';
    const {world} = app;
    this.chips = this.makeChips();
    this.clearButton =
        el('button', {
          click: () => this.forget(
              [...world.transfers.rows.values()].filter((row) => row.id && row.state === 'DONE'))
        },
           t.clearDone);
    this.incoming = new List(app, {
      label: t.transfers,
      store: world.transfers,
      sorts: SORTS,
      sort: 'state',
      sortNames: {state: t.state, name: t.name, size: t.size},
      columns: [
        {
          id: 'name',
          title: t.name,
          width: 'minmax(9rem, 3fr)',
          sort: 'name',
          text: (row) => row.name
        },
        {
          id: 'progress',
          title: t.progress,
          width: 'minmax(12rem, 3fr)',
          sort: 'state',
          text: stateText,
          progress: (row) =>
              row.state === 'FETCHING' ? percent(Number(row.done), Number(row.size)) : null
        },
        {
          id: 'size',
          title: t.size,
          width: '6rem',
          align: 'end',
          sort: 'size',
          text: (row) => formatBytes(row.size)
        },
        {
          id: 'rate',
          title: t.rate,
          width: '6.5rem',
          align: 'end',
          text: (row) => row.state === 'FETCHING' ? formatRate(row.rate) : ''
        },
        {id: 'left', title: t.left, width: '4.5rem', align: 'end', text: timeLeft},
        {id: 'from', title: t.from, width: 'minmax(6rem, 1.5fr)', text: fromText},
      ],
      classOf: (row) => row.state === 'FAILED' ? 'bad' :
          transferGroup(row) === 'waiting'     ? 'noted' :
                                                 '',
      actions: this.actions(),
      empty: () => t.transfersEmpty,
      tools: [this.chips, this.clearButton]
    });
    this.outgoing = this.makeUploads(world);
    this.outTitle = el('h2', {}, t.goingOut);
    this.element =
        el('div.split', {}, this.incoming.element,
           el('section.second', {'aria-label': t.goingOut}, this.outTitle, this.outgoing.element));
  }

  open({query}) {
    this.setGroup(GROUPS.includes(query.show) ? query.show : '');
  }

  draw() {
    const counts = {coming: 0, waiting: 0, failed: 0, done: 0};
    for (const row of this.app.world.transfers.rows.values()) ++counts[transferGroup(row)];
    for (const group of GROUPS) {
      setText(this.chips[group], `${t[group]} ${t.number(counts[group])}`);
    }
    show(this.clearButton, counts.done > 0);
    this.clearButton.disabled = this.app.offlineReason() !== null;
    setText(this.outTitle, `${t.goingOut} ${t.number(this.app.world.uploads.size)}`);
    show(this.outgoing.element, this.app.world.uploads.size > 0);
    this.incoming.refresh();
  }

  close() {
    this.incoming.close();
    this.outgoing.close();
  }

  /** @private */
  makeUploads(world) {
    const list = new List(this.app, {
      label: t.goingOut,
      store: world.uploads,
      sort: 'started',
      sorts: {started: (row) => row.started, name: (row) => row.name, rate: (row) => row.rate},
      sortNames: {started: t.time, name: t.name, '-rate': t.rate},
      columns: [
        {
          id: 'name',
          title: t.name,
          width: 'minmax(9rem, 3fr)',
          sort: 'name',
          text: (row) => row.name || t.someBooks(row.books)
        },
        {
          id: 'progress',
          title: t.progress,
          width: 'minmax(12rem, 3fr)',
          text: (row) => row.state === 'RUNNING' ?
              `${percent(Number(row.done), Number(row.size))} %` :
              row.state === 'PARKED' ? t.uploadParked :
                                       t.uploadWaits(row.position),
          progress: (row) =>
              row.state === 'RUNNING' ? percent(Number(row.done), Number(row.size)) : null
        },
        {
          id: 'rate',
          title: t.rate,
          width: '6.5rem',
          align: 'end',
          sort: 'rate',
          text: (row) => formatRate(row.rate)
        },
        {id: 'to', title: t.to, width: 'minmax(6rem, 1.5fr)', text: (row) => row.address},
      ],
      empty: () => t.uploadsEmpty
    });
    list.bar.hidden = list.toolbar.hidden = true;
    return list;
  }

  /** @private */
  makeChips() {
    const chips = el('div.chips', {role: 'group', 'aria-label': t.state});
    chips.all = el('button', {click: () => this.choose('')}, t.all);
    chips.append(chips.all);
    for (const group of GROUPS) {
      chips[group] = el('button', {click: () => this.choose(group)}, t[group]);
      chips.append(chips[group]);
    }
    return chips;
  }

  /** @private */
  choose(group) {
    history.replaceState(null, '', formatRoute('transfers', {show: group}));
    this.setGroup(group);
  }

  /** @private */
  setGroup(group) {
    this.group = group;
    for (const name of ['all', ...GROUPS]) {
      this.chips[name].setAttribute('aria-pressed', String((group || 'all') === name));
    }
    this.incoming.setFilter(group === '' ? () => true : (row) => transferGroup(row) === group);
  }

  /** @private */
  actions() {
    const of = (name) => (rows) => transferActions(rows)[name];
    const has = (name) => (rows) => of(name)(rows).length > 0;
    const one = (name) => (rows) => rows.length === 1 && has(name)(rows);
    return [
      {
        text: () => t.retry,
        primary: true,
        key: 'Enter',
        when: has('retry'),
        run: (rows) => this.batch('RetryTransfers', of('retry')(rows), (n) => t.askedFor(n))
      },
      {
        text: () => t.cancelTransfers,
        key: 'Delete',
        when: has('cancel'),
        run: (rows) => this.cancel(of('cancel')(rows))
      },
      {text: () => t.keep, when: one('keep'), run: ([row]) => this.keep(row)},
      {text: () => t.place, when: one('place'), run: ([row]) => this.place(row)},
      {
        text: () => t.place,
        when: (rows) => rows.length === 1 && needsName(rows[0]),
        run: ([row]) => this.getAs(row)
      },
      {
        text: () => t.details,
        offline: true,
        when: (rows) => rows.length === 1,
        run: ([row]) => showTransfer(row)
      },
      {text: () => t.forget, when: has('forget'), run: (rows) => this.forget(of('forget')(rows))},
    ];
  }

  /** @private */
  async cancel(rows) {
    if (!await confirm(t.cancelTitle(rows.length), t.cancelBody, t.cancelYes, t.cancelNo, true))
      return;
    await this.batch('CancelTransfers', rows, () => '');
  }

  /** @private */
  forget(rows) {
    return this.batch('ForgetTransfers', rows, (n) => t.forgotten(n));
  }

  /** Calls something for up to 1,000 transfers at a time. @private */
  async batch(call, rows, done) {
    const errors = [];
    try {
      for (let from = 0; from < rows.length; from += IDS_AT_ONCE) {
        const transferIds = rows.slice(from, from + IDS_AT_ONCE).map((row) => row.id);
        const {results = []} = await this.app.rpc.call(`PeerService/${call}`, {transferIds});
        errors.push(...results.filter((result) => result.error).map((result) => result.error));
      }
      this.app.report(rows.length > errors.length ? done(rows.length - errors.length) : '', errors);
    } catch (error) {
      this.app.fail(error);
    }
  }

  /** @private */
  async keep(row) {
    if (!await confirm(t.keepTitle, t.keepBody, t.keepYes)) return;
    try {
      const answer = await this.app.rpc.call('PeerService/KeepTransfer', {transferId: row.id});
      this.app.toast(answer.moved ? t.keptMoved : t.kept);
    } catch (error) {
      this.app.fail(error);
    }
  }

  /** Asks for a refused book again, with another name. @private */
  async getAs(row) {
    const {getAs} = await import('../get.js');
    await getAs(this.app, {...row, contentKey: '', holders: []}, !row.moving, () => {});
  }

  /** @private */
  async place(row) {
    const name = await askText(t.placeTitle, t.newName, row.name, t.ok);
    if (name === '') return;
    try {
      await this.app.rpc.call('PeerService/PlaceTransfer', {transferId: row.id, name});
    } catch (error) {
      this.app.fail(error);
    }
  }
}

/** Shows all of a transfer: its row has no room for long sentences. */
function showTransfer(row) {
  return details(row.name, [
    [t.state, stateText(row)], [t.size, formatBytes(row.size)], [t.from, fromText(row)],
    [t.started, formatDay(row.started)], [t.ended, formatDay(row.ended)]
  ].filter(([, value]) => value !== ''));
}
