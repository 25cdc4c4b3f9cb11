/** The books of one peer, which can be taken one by one, by folder, or all together. */
import {addressOf, contentKey, toNumber} from '../convert.js';
import {el} from '../dom.js';
import {explain} from '../errors.js';
import {t} from '../lang.js';
import {formatRoute} from '../route.js';
import {foldersOf, inFolder} from '../store/folders.js';
import {KeyedStore} from '../store/keyed.js';
import {matcher} from '../store/order.js';

import {BOOK_SORTS, bookActions, bookClass, bookColumns} from './books.js';
import {List} from './list.js';

export class PeerView {
  constructor(app) {
    this.app = app;
    this.store = new KeyedStore();
    this.peer = 0;
    this.holder = null;
    this.error = '';
    this.title = el('h2');
    this.filterInput = el('input', {
      type: 'search',
      placeholder: t.filter,
      'aria-label': t.filter,
      autocomplete: 'off',
      input: () => this.filter()
    });
    this.folder = el('select', {'aria-label': t.folder, change: () => this.filter()});
    this.lacking = el('input', {type: 'checkbox', change: () => this.filter()});
    const note = (key, text, action = '') => {
      const row = this.store.get(key);
      if (row) this.store.apply([{...row, note: text, action}], []);
    };
    this.list = new List(app, {
      label: t.library,
      store: this.store,
      sorts: BOOK_SORTS,
      sort: 'name',
      sortNames: {name: t.name, size: t.size, '-size': `${t.size} ↓`},
      columns: bookColumns(app, () => false, false),
      classOf: (row) => bookClass(app, row),
      actions: bookActions(app, () => false, note),
      empty: () => this.error || (this.store.complete ? t.peerEmpty : t.loading(0)),
      tools: [
        this.filterInput, this.folder,
        ...app.readOnly ? [] : [el('label', {}, this.lacking, t.onlyLacking)]
      ]
    });
    this.element = el(
        'div.list', {},
        el('div.toolbar', {}, el('a', {href: formatRoute('group')}, `← ${t.allPeers}`), this.title),
        this.list.element);
    this.unlisten = app.world.library.listen(() => this.list.refresh());
  }

  open({id, query}) {
    this.filterInput.value = query.q ?? '';
    if (this.peer === Number(id)) return;
    this.peer = Number(id);
    this.title.textContent = t.peerBooks(this.peer);
    this.read();
  }

  draw() {}

  close() {
    this.reading?.abort();
    this.unlisten();
    this.list.close();
  }

  /** @private */
  async read() {
    this.reading = new AbortController();
    const {signal} = this.reading;
    try {
      const {peers = []} =
          await this.app.rpc.call('IndexService/ListPeers', {peerId: this.peer}, signal);
      this.holder = {
        peer: this.peer,
        lends: peers[0]?.policy === 'SHARE_POLICY_COPY',
        slots: peers[0]?.freeSlots ?? 0,
        limit: 0,
        address: addressOf(peers[0] ?? {})
      };
      let pageToken = '';
      this.store.beginSnapshot();
      do {
        const answer = await this.app.rpc.call(
            'IndexService/ListBooks', {peerId: this.peer, pageSize: 1000, pageToken}, signal);
        this.store.apply((answer.listings ?? []).map((listing) => this.rowOf(listing)), []);
        pageToken = answer.nextPageToken ?? '';
        this.list.setSummary(pageToken ? t.loading(this.store.size) : t.books(this.store.size));
      } while (pageToken !== '');
      this.store.endSnapshot();
      this.drawFolders();
      this.list.table.applyOrder();
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.error = explain(error).text;
      this.list.refresh();
    }
  }

  /** A book of this peer is a result with one holder. @private */
  rowOf(listing) {
    const row = bookRow(listing);
    return {...row, holders: [this.holder], holderCount: 1, note: '', gone: ''};
  }

  /** @private */
  drawFolders() {
    this.folder.replaceChildren(
        el('option', {value: ''}, t.allFolders),
        ...foldersOf([...this.store.rows.values()].map((row) => row.name))
            .map(({name, count}) => el('option', {value: name}, `${name} (${t.number(count)})`)));
    this.folder.hidden = this.folder.children.length < 2;
  }

  /** @private */
  filter() {
    const matches = matcher(this.filterInput.value);
    const folder = this.folder.value;
    history.replaceState(null, '', formatRoute('peer', {q: this.filterInput.value}, this.peer));
    this.list.setFilter(
        (row) => (!matches || matches(BOOK_SORTS.name(row))) && inFolder(row.name, folder) &&
            !(this.lacking.checked && this.app.world.has(row.contentKey)));
  }
}

/** @param {any} listing Listing of the peer whose books are listed */
function bookRow(listing) {
  return {
    key: String(listing.listingNumber ?? listing.name),
    listing: listing.listingNumber ?? '',
    name: listing.name ?? '',
    content: listing.content,
    contentKey: contentKey(listing.content),
    size: toNumber(listing.content?.sizeBytes),
  };
}
