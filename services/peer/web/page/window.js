/** Which rows of a long list are in sight. Pure. */

/** Browsers draw no element that is much higher than this, in px. */
export const HIGHEST = 12000000;

/**
 * Where the rows of a list are. Beyond HIGHEST the scroll bar is scaled: a pixel of it is more than
 * a pixel of the list.
 */
export class RowWindow {
  /** @param {number} count @param {number} rowHeight px @param {number} viewport px */
  constructor(count, rowHeight, viewport) {
    this.count = count;
    this.rowHeight = rowHeight;
    this.viewport = viewport;
    this.whole = count * rowHeight;
    /** The height of the element that is scrolled. */
    this.height = Math.min(this.whole, HIGHEST);
    const reach = this.height - viewport;
    this.scale = reach > 0 && this.whole > this.height ? (this.whole - viewport) / reach : 1;
  }

  /**
   * Returns the rows to draw. @param {number} scrollTop @returns {{first: number, last: number}}
   */
  range(scrollTop, margin = 6) {
    const top = scrollTop * this.scale;
    const first = Math.floor(top / this.rowHeight) - margin;
    const last = Math.ceil((top + this.viewport) / this.rowHeight) + margin;
    return {first: Math.max(0, first), last: Math.min(this.count, last)};
  }

  /** Returns where a row is drawn, in px of the scrolled element. */
  offset(index, scrollTop) {
    return index * this.rowHeight - scrollTop * (this.scale - 1);
  }

  /** Returns the scrollTop at which a row is in sight, as near to the present one as possible. */
  reveal(index, scrollTop) {
    const top = scrollTop * this.scale, row = index * this.rowHeight;
    if (row < top) return row / this.scale;
    const lowest = row + this.rowHeight - this.viewport;
    return lowest > top ? lowest / this.scale : scrollTop;
  }

  /** Returns the scrollTop that keeps a row where another index had it. */
  keep(oldIndex, newIndex, scrollTop) {
    return Math.max(0, scrollTop + (newIndex - oldIndex) * this.rowHeight / this.scale);
  }
}
