/** Library: the books of this peer, and why a file is not shared. */
import {el} from '../dom.js';
import {formatBytes, formatDay} from '../format.js';
import {t} from '../lang.js';
import {bookAddress, formatRoute} from '../route.js';
import {fold, matcher} from '../store/order.js';

import {List} from './list.js';

const SORTS = {
  name: (row) => row.folded ??= fold(row.name),
  size: (row) => Number(row.size),
  shared: (row) => row.unshared ? 0 :
      row.trouble               ? 1 :
      row.hashing               ? 2 :
      row.lendOnly              ? 3 :
                                  4,
  added: (row) => row.listed,
};
const UNSHARE_AT_ONCE = 1000;

function sharedText(row, lends) {
  if (row.unshared) return t.notShared(row.unshared);
  if (row.hashing) return t.hashing;
  if (row.trouble) return row.trouble;
  if (row.lendOnly) return t.lentOnly(row.lendOnly);
  return lends ? t.sharedLends : t.sharedMoves;
}

export class LibraryView {
  constructor(app) {
    this.app = app;
    this.filterInput = el('input', {
      type: 'search',
      placeholder: t.filter,
      'aria-label': t.filter,
      autocomplete: 'off',
      input: () => this.filter()
    });
    const canOpen = (rows) => rows.length === 1 && rows[0].content !== '';
    const lends = () => app.world.status?.policy === 'SHARE_POLICY_COPY';
    this.list = new List(app, {
      label: t.library,
      store: app.world.library,
      sorts: SORTS,
      sort: 'name',
      sortNames:
          {name: t.name, size: t.size, '-size': `${t.size} ↓`, shared: t.shared, '-added': t.added},
      columns: [
        {
          id: 'name',
          title: t.name,
          width: 'minmax(10rem, 4fr)',
          sort: 'name',
          text: (row) => row.name
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
          id: 'effect',
          title: t.shared,
          width: 'minmax(9rem, 2fr)',
          sort: 'shared',
          text: (row) => sharedText(row, lends())
        },
      ],
      classOf: (row) => row.unshared ? 'bad' :
          row.trouble                ? 'noted' :
                                       '',
      actions: [
        {
          primary: true,
          text: () => t.openBook,
          key: 'Enter',
          run: ([row]) => this.show(row, false),
          when: canOpen
        },
        {
          text: () => t.details,
          offline: true,
          when: (rows) => rows.length === 1,
          run: ([row]) => this.describe(row, lends())
        },
        {text: () => t.save, run: ([row]) => this.show(row, true), when: canOpen},
        {
          text: () => t.stopSharing,
          key: 'Delete',
          run: (rows) => this.unshare(rows),
          when: (rows) => rows.some((row) => !row.unshared)
        },
      ],
      empty: () => this.filterInput.value ? t.noResults(this.filterInput.value) : t.libraryEmpty,
      tools: [
        this.filterInput, el('button', {click: () => this.pick(false)}, t.addFiles),
        el('button.wide', {click: () => this.pick(true)}, t.addFolder)
      ],
      onSort: () => this.remember()
    });
    this.element = this.list.element;
  }

  open({query}) {
    if (query.sort && query.sort.replace(/^-/, '') in SORTS) this.list.setSort(query.sort);
    if ((query.q ?? '') === this.filterInput.value) return;
    this.filterInput.value = query.q ?? '';
    this.filter();
  }

  draw() {
    const {status, library} = this.app.world;
    if (!status) return;
    const free = formatBytes(status.freeDiskBytes);
    this.list.setSummary([
      t.librarySummary(library.size, formatBytes(status.bookBytes), free),
      status.pendingFiles > 0 ? t.pendingFiles(status.pendingFiles) : '',
      status.notIndexedCount > 0 ? t.notIndexed(status.notIndexedCount) : ''
    ].filter((text) => text !== '')
                             .join(' · '));
    this.list.refresh();
  }

  close() {
    this.list.close();
  }

  /** @private */
  async pick(folder) {
    const {pickFiles} = await import('../upload.js');
    pickFiles(this.app, folder);
  }

  /** @private */
  filter() {
    const matches = matcher(this.filterInput.value);
    this.list.setFilter(matches ? (row) => matches(SORTS.name(row)) : () => true);
    this.remember();
  }

  /** @private */
  remember() {
    const {sort} = this.list.order;
    history.replaceState(
        null, '',
        formatRoute('library', {q: this.filterInput.value, sort: sort === 'name' ? '' : sort}));
  }

  /** @private */
  async unshare(rows) {
    const {confirm} = await import('../dialog.js');
    const names = rows.filter((row) => !row.unshared).map((row) => row.name);
    if (!await confirm(t.unshareTitle(names.length), t.unshareBody, t.stopSharing, t.cancel, true))
      return;
    const errors = [];
    try {
      for (let from = 0; from < names.length; from += UNSHARE_AT_ONCE) {
        const {results = []} = await this.app.rpc.call(
            'PeerService/Unshare', {names: names.slice(from, from + UNSHARE_AT_ONCE)});
        errors.push(...results.filter((result) => result.error).map((result) => result.error));
      }
      this.app.report(t.unshared(names.length - errors.length), errors);
    } catch (error) {
      this.app.fail(error);
    }
  }

  /** Shows all of a row, which has no room for long sentences. @private */
  async describe(row, lends) {
    const {details} = await import('../dialog.js');
    details(row.name, [
      [t.shared, sharedText(row, lends)], [t.size, formatBytes(row.size)],
      ...row.listed ? [[t.listed, formatDay(row.listed)]] : []
    ]);
  }

  /** Shows a book in a new tab; the server has the browser save what it cannot show. @private */
  async show(row, save) {
    try {
      const {path} = await this.app.rpc.call('PeerService/OpenBook', {name: row.name});
      const href = bookAddress(path, location, save);
      el('a', {href, target: '_blank', rel: 'noopener'}).click();
    } catch (error) {
      this.app.fail(error);
    }
  }
}
