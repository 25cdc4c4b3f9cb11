/**
 * What the views have in common: a toolbar, a table, and a bar with what can be done to its rows.
 */
import {disable, el, Frame, setText, show} from '../dom.js';
import {formatBytes} from '../format.js';
import {t} from '../lang.js';
import {RowOrder} from '../store/order.js';
import {ArkTable} from '../table.js';

/**
 * @typedef {Object} Action
 * @property {(rows: any[]) => string} text
 * @property {(rows: any[]) => void} run
 * @property {(rows: any[]) => boolean} [when] whether it is offered for these rows
 * @property {string} [key] the key of the table that runs it; "Enter" too
 * @property {(rows: any[]) => void} [byKey] runs it by its key, which has no words on it
 * @property {boolean} [primary]
 * @property {boolean} [offline] it works without the peer
 */

export class List {
  /**
   * @param {any} app
   * @param {{label: string, store: any, sorts: Object<string, (row: any) => any>, sort: string,
   *   sortNames: Object<string, string>, columns: any[], actions?: Action[],
   *   empty: () => string, classOf?: (row: any) => string, tools?: Node[],
   *   onSort?: (sort: string) => void}} options
   */
  constructor(app, options) {
    this.app = app;
    this.options = options;
    this.barAfter = 0;
    this.order = new RowOrder(options.store, options.sorts, options.sort);
    this.table = /** @type {ArkTable} */ (document.createElement('ark-table'));
    this.table.setup({
      label: options.label,
      columns: options.columns,
      order: this.order,
      empty: options.empty,
      classOf: options.classOf
    });
    this.summary = el('span.summary', {role: 'status'});
    this.sorter = this.makeSorter();
    this.toolbar = el('div.toolbar', {}, this.summary, ...(options.tools ?? []), this.sorter);
    this.bar = this.makeBar();
    this.element = el('div.list', {}, this.toolbar, this.table, this.bar);
    this.frame = new Frame(() => this.drawBar());
    this.table.addEventListener('choose', () => {
      this.barAfter = 0;
      this.frame.ask();
    });
    this.table.addEventListener('sort', (event) => this.setSort(event.detail));
    this.table.addEventListener('open', () => this.runKey('Enter'));
    this.table.addEventListener('command', (event) => this.runKey(event.detail));
    this.unlisten = options.store.listen(() => this.frame.ask());
    this.drawBar();
  }

  close() {
    clearTimeout(this.barTimer);
    this.unlisten();
    this.table.disconnect();
  }

  /** Draws again, as something outside of the store has changed. */
  refresh() {
    this.table.refresh();
    this.frame.ask();
  }

  /** @param {string} sort */
  setSort(sort) {
    this.order.setSort(sort);
    if (this.sorter.select.value !== sort) this.sorter.select.value = sort;
    this.table.refresh();
    this.options.onSort?.(sort);
  }

  /** @param {(row: any) => boolean} filter */
  setFilter(filter) {
    this.order.filter = filter;
    this.table.restart();
  }

  /** @param {string} text */
  setSummary(text) {
    setText(this.summary, text);
  }

  /** @private */
  makeSorter() {
    const select = el('select', {'aria-label': t.sortBy, change: () => this.setSort(select.value)});
    for (const [sort, name] of Object.entries(this.options.sortNames)) {
      select.append(el('option', {value: sort}, name));
    }
    select.value = this.options.sort;
    const label = el('label.sorter', {}, el('span', {}, t.sortBy), select);
    label.select = select;
    return label;
  }

  /** @private */
  makeBar() {
    this.chosenText = el('span.chosen', {role: 'status'});
    this.all =
        el('button.all', {
          click: () => {
            this.table.selection.all(this.order);
            this.refresh();
          }
        },
           t.selectAll);
    this.none = el('button', {click: () => this.table.clear()}, t.selectNone);
    this.buttons =
        (this.options.actions ?? []).map((action) => ({
                                           action,
                                           button:
                                               el(action.primary ? 'button.primary' : 'button',
                                                  {click: () => this.run(action)})
                                         }));
    return el(
        'div.bar', {role: 'toolbar', 'aria-label': t.action}, this.chosenText, this.all, this.none,
        ...this.buttons.map(({button}) => button));
  }

  /** Draws the bar, in at most a tenth of the time: very many rows can be selected. @private */
  drawBar() {
    const now = performance.now();
    if (now < this.barAfter) {
      clearTimeout(this.barTimer);
      this.barTimer = setTimeout(() => this.frame.ask(), this.barAfter - now);
      return;
    }
    this.drawActions(this.table.chosen());
    this.barAfter = performance.now() + 10 * (performance.now() - now);
  }

  /** @private */
  drawActions(rows) {
    const selected = this.table.selection.keys.size;
    let size = 0;
    for (const row of rows) size += Number(row.size ?? 0);
    setText(this.chosenText, selected > 0 ? t.selection(selected, formatBytes(size)) : '');
    show(this.none, selected > 0);
    show(this.all, this.order.length > 0);
    const offline = this.app.offlineReason();
    for (const {action, button} of this.buttons) {
      const offered = rows.length > 0 && (action.when?.(rows) ?? true);
      show(button, offered);
      if (!offered) continue;
      setText(button, action.text(rows));
      disable(button, action.offline ? null : offline);
    }
  }

  /** @private */
  run(action, byKey = false) {
    const rows = this.table.chosen();
    if (rows.length === 0 || !(action.when?.(rows) ?? true)) return;
    if (byKey && action.byKey)
      action.byKey(rows);
    else
      action.run(rows);
  }

  /** @private */
  runKey(key) {
    const found =
        (this.options.actions ??
         []).find((action) => action.key === key && (action.when?.(this.table.chosen()) ?? true));
    if (found && (found.offline || !this.app.offlineReason())) this.run(found, true);
  }
}
