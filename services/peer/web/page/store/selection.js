/**
 * Which rows are selected, and which one is active. By key, so that nothing is lost when rows
 * move.
 */

export class Selection {
  constructor() {
    /** @type {Set<string>} */
    this.keys = new Set();
    /** The row of the keyboard. @type {string|null} */
    this.active = null;
    /** Where a range began. @type {string|null} */
    this.anchor = null;
  }

  /** @param {string} key */
  only(key) {
    this.keys.clear();
    this.keys.add(key);
    this.active = this.anchor = key;
  }

  /** @param {string} key */
  toggle(key) {
    if (!this.keys.delete(key)) this.keys.add(key);
    this.active = this.anchor = key;
  }

  /** Selects from the anchor to a row. @param {string} key @param {any} order a RowOrder */
  extend(key, order) {
    const from = this.anchor === null ? -1 : order.indexOf(this.anchor);
    const to = order.indexOf(key);
    if (from < 0 || to < 0) {
      this.only(key);
      return;
    }
    this.keys.clear();
    for (let i = Math.min(from, to); i <= Math.max(from, to); ++i) this.keys.add(order.keys[i]);
    this.active = key;
  }

  /** @param {any} order a RowOrder */
  all(order) {
    for (const key of order.keys) this.keys.add(key);
    if (this.active === null && order.length > 0) this.active = this.anchor = order.keys[0];
  }

  clear() {
    this.keys.clear();
  }

  /** A row is gone. @param {string} key @returns {boolean} whether it was selected */
  drop(key) {
    return this.keys.delete(key);
  }
}
