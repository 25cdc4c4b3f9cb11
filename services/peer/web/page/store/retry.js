/** When a call that failed is tried again. Pure: time and chance are inputs. */

const LONGEST_MS = 15000;

export class Retry {
  constructor() {
    this.failures = 0;
  }

  /**
   * Returns the pause after a failure: 1, 2, 4 … 15 s, of which up to a fifth is chance, so that
   * many pages do not come back together.
   * @param {number} chance 0 to 1
   * @returns {number} ms
   */
  next(chance) {
    const whole = Math.min(LONGEST_MS, 1000 * 2 ** this.failures);
    ++this.failures;
    return Math.round(whole * (1 - chance / 5));
  }

  /** The peer has answered. */
  reset() {
    this.failures = 0;
  }
}
