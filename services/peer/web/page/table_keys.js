/** The keys of an <ark-table>. */

export class TableKeys {
  /** @param {import('./table.js').ArkTable} table */
  constructor(table) {
    this.table = table;
    this.typed = '';
    this.typedTime = 0;
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const {order, selection} = this.table;
    if (event.target !== this.table.grid || event.altKey) return;
    const page = Math.max(1, Math.floor(this.table.grid.clientHeight / 32) - 2);
    const at = selection.active === null ? -1 : order.indexOf(selection.active);
    const moves = {
      ArrowDown: at + 1,
      ArrowUp: at < 0 ? 0 : at - 1,
      Home: 0,
      End: order.length - 1,
      PageDown: at + page,
      PageUp: at - page
    };
    const control = event.ctrlKey || event.metaKey;
    if (event.key in moves) {
      this.goTo(moves[event.key], event.shiftKey, control);
    } else if (event.key === ' ') {
      if (selection.active !== null) selection.toggle(selection.active);
    } else if (event.key === 'a' && control) {
      selection.all(order);
    } else if (event.key === 'Enter') {
      this.table.tell('open');
    } else if (event.key === 'Escape') {
      if (selection.keys.size === 0) return;
      selection.clear();
    } else if (event.key === 'Delete' || event.key === 'c' && !control) {
      this.table.tell('command', event.key);
    } else if (
        event.key.length === 1 && !control && event.key !== '/' && event.key !== '?' &&
        !/\d/.test(event.key)) {
      this.jump(event.key);
    } else {
      return;
    }
    event.preventDefault();
    this.table.moved();
  }

  /** @private */
  goTo(index, extend, keep) {
    const {order, selection} = this.table;
    if (order.length === 0) return;
    const to = Math.min(order.length - 1, Math.max(0, index));
    const key = order.keys[to];
    if (extend)
      selection.extend(key, order);
    else if (keep)
      selection.active = key;
    else
      selection.only(key);
    const top = this.table.window().reveal(to, this.table.grid.scrollTop);
    if (top !== this.table.grid.scrollTop) this.table.grid.scrollTop = top;
  }

  /** Goes to the next row that begins with what was typed within a second. @private */
  jump(letter) {
    const now = performance.now();
    this.typed = now - this.typedTime < 1000 ? this.typed + letter : letter;
    this.typedTime = now;
    const {order, selection} = this.table;
    const start = Math.max(0, selection.active === null ? 0 : order.indexOf(selection.active)) +
        (this.typed.length === 1 ? 1 : 0);
    const wanted = this.typed.toLowerCase();
    for (let i = 0; i < order.length; ++i) {
      const index = (start + i) % order.length;
      const name = order.rowAt(index).name ?? '';
      if (name.slice(0, wanted.length).toLowerCase() !== wanted) continue;
      this.goTo(index, false, false);
      return;
    }
  }
}
