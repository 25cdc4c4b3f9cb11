/**
 * <ark-table>: a list of any length, of which only the rows in sight are elements. One tab stop;
 * the active row is told to readers by aria-activedescendant, and is always drawn.
 *
 * Events: "choose" (the selection or the active row changed), "open" (Enter or a double click),
 * "sort" (detail: the new sort), "command" (detail: a key such as "Delete").
 */
import {el, Frame, setAttribute, setText} from './dom.js';
import {t} from './lang.js';
import {Selection} from './store/selection.js';
import {RowWindow} from './window.js';

/**
 * @typedef {Object} Column
 * @property {string} id
 * @property {string} title
 * @property {string} width of a grid track, such as "6rem" or "minmax(8rem, 1fr)"
 * @property {string} [sort] the name of its sort
 * @property {'end'} [align]
 * @property {(row: any) => string} text
 * @property {(row: any) => number|null} [progress] 0 to 100; null: none
 */

/** The order is held until this long after the last touch of pointer or key. */
const IDLE_MS = 5000;
const NARROW = matchMedia('(max-width: 600px)');
let tables = 0;

export class ArkTable extends HTMLElement {
  constructor() {
    super();
    this.name = `t${++tables}`;
    this.frame = new Frame(() => this.draw());
    this.selection = new Selection();
    /** @type {Map<string, any>} the row elements by key */
    this.drawn = new Map();
    this.spare = [];
    this.idle = 0;
    this.orderAfter = 0;
    /** Loaded after the first rows. @type {import('./table_keys.js').TableKeys|null} */
    this.keys = null;
  }

  /**
   * @param {{label: string, columns: Column[], order: import('./store/order.js').RowOrder,
   *   classOf?: (row: any) => string, empty?: () => string}} options
   */
  setup({label, columns, order, classOf = () => '', empty = () => ''}) {
    this.columns = columns;
    this.order = order;
    this.classOf = classOf;
    this.empty = empty;
    this.style.setProperty(
        '--columns', ['2.25rem', ...columns.map((column) => column.width)].join(' '));
    this.header = this.makeHeader();
    this.body = el('div.rows', {role: 'rowgroup'});
    this.grid =
        el('div.grid', {
          role: 'grid',
          tabindex: '0',
          'aria-label': label,
          'aria-multiselectable': 'true',
          'aria-colcount': columns.length + 1
        },
           this.header, this.body);
    this.note = el('p.empty');
    this.pending = el('button.pending', {hidden: true, click: () => this.applyOrder()});
    this.append(this.grid, this.note, this.pending);
    this.listen();
    this.loadKeys();
    this.unlisten = order.store.listen((change) => this.changed(change));
    new ResizeObserver(() => this.frame.ask()).observe(this.grid);
    NARROW.addEventListener('change', () => this.frame.ask());
  }

  /** Draws again soon. */
  refresh() {
    this.frame.ask();
  }

  /** Brings the order up to date now, and keeps what is in sight where it is. */
  applyOrder() {
    this.keepPlace(() => this.order.apply());
    this.frame.ask();
  }

  /** Shows the list from its beginning, as for a new filter. */
  restart() {
    this.order.apply();
    this.grid.scrollTop = 0;
    this.frame.ask();
  }

  /** The rows that an action is for: the selected ones, or else the active one. @returns {any[]} */
  chosen() {
    const keys = this.selection.keys.size > 0 ? [...this.selection.keys] :
        this.selection.active !== null        ? [this.selection.active] :
                                                [];
    return keys.map((key) => this.order.store.get(key)).filter((row) => row !== undefined);
  }

  /** Selects nothing. */
  clear() {
    this.selection.clear();
    this.tell('choose');
    this.frame.ask();
  }

  disconnect() {
    this.unlisten?.();
    this.order?.close();
    clearTimeout(this.idle);
  }

  /** Fires an event. @param {string} type @param {any} [detail] */
  tell(type, detail = undefined) {
    this.dispatchEvent(new CustomEvent(type, {detail}));
  }

  /** @private */
  changed({gone}) {
    let chosen = false;
    for (const row of gone) chosen = this.selection.drop(row.key) || chosen;
    if (chosen) this.tell('choose');
    this.frame.ask();
  }

  /** @private */
  async loadKeys() {
    const {TableKeys} = await import('./table_keys.js');
    this.keys = new TableKeys(this);
  }

  /** @private */
  makeHeader() {
    const cells = this.columns.map((column) => {
      const cell =
          el('div.cell', {role: 'columnheader', class: `cell ${column.align ?? ''}`}, column.title);
      if (column.sort) {
        cell.classList.add('sortable');
        cell.addEventListener('click', () => {
          const down = this.order.sort === column.sort;
          this.tell('sort', `${down ? '-' : ''}${column.sort}`);
        });
      }
      return cell;
    });
    const check = el('div.cell', {role: 'columnheader'}, el('span.hidden', {}, t.selected));
    return el(
        'div.header', {role: 'rowgroup'},
        el('div.row', {role: 'row', 'aria-rowindex': '1'}, check, ...cells));
  }

  /** @private */
  listen() {
    const {grid} = this;
    grid.addEventListener('scroll', () => this.frame.ask(), {passive: true});
    grid.addEventListener('keydown', (event) => this.keys?.press(event));
    this.body.addEventListener('click', (event) => this.click(event));
    this.body.addEventListener('dblclick', (event) => {
      if (this.rowOf(event) !== null) this.tell('open');
    });
    for (const type of ['pointermove', 'pointerdown', 'keydown', 'focusin', 'wheel', 'touchmove']) {
      this.addEventListener(type, () => this.hold(), {passive: true});
    }
    this.addEventListener('pointerleave', () => {
      if (!this.contains(document.activeElement)) this.release();
    });
    this.addEventListener('focusout', () => this.release());
  }

  /** @private */
  hold() {
    this.order.held = true;
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.release(), IDLE_MS);
  }

  /** @private */
  release() {
    clearTimeout(this.idle);
    this.order.held = false;
    this.frame.ask();
  }

  /**
   * Changes the order, and scrolls so that the row that a person looks at stays where it
   * is. @private
   */
  keepPlace(change) {
    const {order, grid} = this;
    const top = grid.scrollTop;
    const {first, last} = this.window().range(top, 0);
    const activeAt = this.selection.active === null ? -1 : order.indexOf(this.selection.active);
    // A list that is at its beginning stays there, so that new rows are seen.
    const followed = activeAt >= first && activeAt < last ? activeAt : top > 0 ? first + 1 : -1;
    const keys = followed < 0 ? [] : order.keys.slice(followed, followed + 50);
    change();
    const survivor = keys.findIndex((key) => order.indexOf(key) >= 0);
    if (survivor < 0) return;
    const wanted = this.window().keep(followed + survivor, order.indexOf(keys[survivor]), top);
    if (wanted === top) return;
    this.size();
    grid.scrollTop = wanted;
  }

  /** Where the rows are. */
  window() {
    const head = NARROW.matches ? 0 : 32;
    return new RowWindow(
        this.order.length, NARROW.matches ? 56 : 32, Math.max(0, this.grid.clientHeight - head));
  }

  /** @private */
  size() {
    const height = `${this.window().height}px`;
    if (this.body.style.height !== height) this.body.style.height = height;
  }

  /** @private */
  draw() {
    if (!this.isConnected) return;
    const {order, grid} = this;
    if (order.stale && !order.held) this.reorder();
    this.size();
    const shape = this.window(), scrollTop = grid.scrollTop;
    const {first, last} = shape.range(scrollTop);
    const wanted = new Map();
    for (let i = first; i < last; ++i) wanted.set(order.keys[i], i);
    const activeAt = this.selection.active === null ? -1 : order.indexOf(this.selection.active);
    if (activeAt >= 0) wanted.set(this.selection.active, activeAt);
    for (const [key, node] of this.drawn) {
      if (wanted.has(key)) continue;
      this.drawn.delete(key);
      this.spare.push(node);
    }
    for (const [key, index] of wanted) this.drawRow(key, index, shape.offset(index, scrollTop));
    for (const node of this.spare) node.hidden = true;
    setAttribute(grid, 'aria-rowcount', order.length + 1);
    setAttribute(
        grid, 'aria-activedescendant',
        activeAt >= 0 ? this.drawn.get(this.selection.active).id : null);
    this.drawHeader();
    const note = order.length === 0 ? this.empty() : '';
    setText(this.note, note);
    this.note.hidden = note === '';
    this.drawPending();
  }

  /**
   * Brings the order up to date, in at most a tenth of the time: sorting much is
   * expensive. @private
   */
  reorder() {
    const now = performance.now();
    if (now < this.orderAfter) {
      clearTimeout(this.reordering);
      this.reordering = setTimeout(() => this.frame.ask(), this.orderAfter - now);
      return;
    }
    this.keepPlace(() => this.order.refresh());
    this.orderAfter = performance.now() + 50 + 10 * (performance.now() - now);
  }

  /** @private */
  drawHeader() {
    const cells = this.header.firstChild.children;
    this.columns.forEach((column, i) => {
      if (!column.sort) return;
      const {sort} = this.order;
      setAttribute(
          cells[i + 1], 'aria-sort',
          sort === column.sort ? 'ascending' :
              sort === `-${column.sort}` ? 'descending' :
                                           'none');
    });
  }

  /** @private */
  drawPending() {
    const {order} = this;
    const text = order.waiting.size > 0 ? t.newRows(order.waiting.size) :
        order.stale                     ? t.orderIsOld :
                                          '';
    setText(this.pending, text);
    this.pending.hidden = text === '';
  }

  /** @private */
  drawRow(key, index, top) {
    let node = this.drawn.get(key);
    if (node === undefined) {
      node = this.spare.pop() ?? this.makeRow();
      node.key = key;
      node.id = `${this.name}-${index}-${++this.made}`;
      this.drawn.set(key, node);
    }
    const row = this.order.rowAt(index);
    node.hidden = false;
    const transform = `translateY(${top}px)`;
    if (node.style.transform !== transform) node.style.transform = transform;
    const selected = this.selection.keys.has(key);
    const names =
        `row ${key === this.selection.active ? 'active ' : ''}${row.gone ? 'gone ' : ''}` +
        this.classOf(row);
    if (node.className !== names) node.className = names;
    setAttribute(node, 'aria-rowindex', index + 2);
    setAttribute(node, 'aria-selected', selected ? 'true' : 'false');
    setText(node.firstChild.firstChild, selected ? '☑' : '☐');
    this.columns.forEach((column, i) => drawCell(node.children[i + 1], column, row));
  }

  /** @private */
  makeRow() {
    this.made ??= 0;
    const check = el('div.cell.check', {role: 'gridcell'}, el('span', {'aria-hidden': 'true'}));
    const row = el('div.row', {role: 'row'}, check);
    for (const column of this.columns) {
      const cell =
          el('div', {role: 'gridcell', class: `cell c-${column.id} ${column.align ?? ''}`});
      if (column.progress) {
        cell.append(el('progress', {max: '100', 'aria-label': column.title}));
      }
      cell.append(el(column.id === 'name' ? 'bdi' : 'span'));
      row.append(cell);
    }
    this.body.append(row);
    return row;
  }

  /** @private */
  rowOf(event) {
    const node = event.target.closest('.row');
    return node && !node.hidden ? node.key : null;
  }

  /** @private */
  click(event) {
    const key = this.rowOf(event);
    if (key === null) return;
    const toggles = event.ctrlKey || event.metaKey || event.target.closest('.check') ||
        event.pointerType === 'touch';
    if (event.shiftKey)
      this.selection.extend(key, this.order);
    else if (toggles)
      this.selection.toggle(key);
    else
      this.selection.only(key);
    this.moved();
  }

  /** The selection or the active row has changed. */
  moved() {
    this.tell('choose');
    this.frame.ask();
  }
}

function drawCell(cell, column, row) {
  const text = column.text(row);
  const words = cell.lastChild;
  setText(words, text);
  if (column.id === 'name') setAttribute(words, 'title', text);
  if (!column.progress) return;
  const bar = cell.firstChild;
  const value = column.progress(row);
  bar.hidden = value === null;
  if (value !== null && bar.value !== value) bar.value = value;
}

customElements.define('ark-table', ArkTable);
