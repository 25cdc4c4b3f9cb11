/** Search: results while a person types, and what becomes of them. */
import {resultRow} from '../convert.js';
import {disable, el, setText, show} from '../dom.js';
import {Follow} from '../follow.js';
import {t} from '../lang.js';
import {formatRoute} from '../route.js';
import {SearchResults} from '../store/search.js';

import {BOOK_SORTS, bookActions, bookClass, bookColumns} from './books.js';
import {List} from './list.js';

const TYPING_MS = 80;
const PAGE = 200;
const RESULTS = 1000;
/** Results that may have changed are asked for again after this long. */
const UPDATE_MS = 300;

export class SearchView {
  constructor(app) {
    this.app = app;
    this.query = '';
    this.error = '';
    this.state = '';
    this.results = new SearchResults();
    this.lacking = el('input', {type: 'checkbox', change: () => this.filter()});
    this.copies = el('input', {type: 'checkbox', change: () => this.list.refresh()});
    this.live = el('span.live');
    this.moreButton = el('button', {hidden: true, click: () => this.more()}, t.more);
    const note = (key, text, action) => this.results.note(key, text, action);
    const copyOnly = () => this.copies.checked;
    const wish = () => app.addWish({keywords: this.query.trim()}, 'TELL');
    this.wishButton = el('button.wish', {hidden: true, click: wish}, t.makeWish);
    this.list = new List(app, {
      label: t.search,
      store: this.results.store,
      sorts: BOOK_SORTS,
      sort: 'rank',
      sortNames:
          {rank: t.rank, name: t.name, size: t.size, '-size': `${t.size} ↓`, '-holders': t.holders},
      columns: bookColumns(app, copyOnly, true),
      actions: bookActions(app, copyOnly, note),
      empty: () => this.emptyText(),
      classOf: (row) => bookClass(app, row),
      tools: [
        this.live,
        ...app.readOnly ? [] :
                          [
                            el('label', {}, this.lacking, t.onlyLacking),
                            el('label', {}, this.copies, t.copiesOnly), this.wishButton
                          ],
        this.moreButton
      ]
    });
    this.element = this.list.element;
    this.unlisten = app.world.library.listen(() => this.list.refresh());
  }

  open({query}) {
    const words = query.q ?? '';
    if (words === this.query && this.asked) return;
    this.query = words;
    this.app.setQuery(words);
    this.run();
  }

  /** A person types. @param {string} words */
  type(words) {
    this.query = words;
    history.replaceState(null, '', formatRoute('search', {q: words}));
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.run(), TYPING_MS);
  }

  draw() {
    disable(this.wishButton, this.app.offlineReason());
    if (this.app.world.status?.peerId && this.failed && !this.app.offlineReason()) this.run();
  }

  close() {
    this.asked?.abort();
    this.follow?.end();
    this.unlisten();
    this.list.close();
    clearTimeout(this.typing);
    clearTimeout(this.updating);
  }

  /** @private */
  async run() {
    this.asked?.abort();
    this.asked = new AbortController();
    this.failed = false;
    this.follow?.end();
    const {signal} = this.asked;
    const query = this.query.trim();
    this.pages = 1;
    if (query === '') {
      this.nextToken = '';
      this.error = '';
      this.results.replace([]);
      this.list.table.restart();
      this.summarize();
      return;
    }
    try {
      const answer = await this.search('', signal);
      this.error = '';
      this.results.replace((answer.results ?? []).map(resultRow));
      this.list.table.clear();
      this.list.table.restart();
      this.take(answer);
      this.app.announce(t.results(this.results.store.size, this.nextToken !== ''));
      this.watch(query);
    } catch (error) {
      if (error.name === 'AbortError') return;
      const {explain} = await import('../errors.js');
      const {text, detail, action} = explain(error);
      this.failed = action === 'index' || error.code === 'offline';
      this.error = detail || text;
      this.results.replace([]);
      this.list.table.restart();
      this.summarize();
      this.app.announce(this.error);
    }
  }

  /** @private */
  search(pageToken, signal) {
    return this.app.rpc.call(
        'IndexService/Search', {keywords: this.query.trim(), pageSize: PAGE, pageToken}, signal);
  }

  /** @private */
  take(answer) {
    this.nextToken = answer.nextPageToken ?? '';
    this.incomplete = answer.incomplete ?? false;
    show(this.moreButton, this.nextToken !== '');
    this.summarize();
  }

  /** @private */
  async more() {
    try {
      const answer = await this.search(this.nextToken, this.asked.signal);
      ++this.pages;
      this.results.add((answer.results ?? []).map(resultRow));
      this.list.table.applyOrder();
      this.take(answer);
    } catch (error) {
      if (error.name !== 'AbortError') this.app.fail(error);
    }
  }

  /** @private */
  watch(query) {
    this.follow = new Follow(this.app.rpc, {keywords: query, changesOnly: true}, {
      event: (event) => {
        if (this.results.event(event, this.app.world.status?.peerId ?? 0)) this.updateSoon();
      },
      state: (state) => {
        this.state = state;
        // Between the search and the watch something may have changed.
        if (state === 'live') this.updateSoon();
        this.summarize();
      },
    });
  }

  /** @private */
  updateSoon() {
    this.updating ??= setTimeout(() => {
      this.updating = undefined;
      this.update();
    }, UPDATE_MS);
  }

  /** Asks again for what is shown. @private */
  async update() {
    const {signal} = this.asked;
    try {
      let token = '', rows = [];
      for (let page = 0; page < this.pages && rows.length < RESULTS; ++page) {
        const answer = await this.search(token, signal);
        rows.push(...(answer.results ?? []).map(resultRow));
        token = answer.nextPageToken ?? '';
        if (token === '') break;
      }
      this.results.update(rows, token === '' && this.nextToken === '');
      this.summarize();
    } catch (error) {
      if (error.name !== 'AbortError') this.state = 'off';
    }
  }

  /** @private */
  filter() {
    this.list.setFilter(
        this.lacking.checked ? (row) => !this.app.world.has(row.contentKey) : () => true);
  }

  /** @private */
  summarize() {
    const shown = this.query.trim() !== '' && this.error === '';
    this.list.setSummary(shown ? t.results(this.results.store.size, this.nextToken !== '') : '');
    show(this.wishButton, this.query.trim() !== '');
    setText(this.live, !shown ? '' : this.state === 'live' ? `● ${t.live}` : `○ ${t.notLive}`);
    this.list.table.refresh();
  }

  /** @private */
  emptyText() {
    if (this.query.trim() === '') return t.searchHint;
    return this.error || (this.incomplete ? t.incomplete : t.noResults(this.query.trim()));
  }
}
