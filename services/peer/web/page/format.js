/** Numbers and times as words. Sizes look as arkshare-cli prints them. Pure. */

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/**
 * Returns bytes with at most one decimal: "0 B", "1.5 KiB", "20.0 MiB".
 * @param {number|string} bytes a string is a number above 2^53
 * @returns {string}
 */
export function formatBytes(bytes) {
  let value = Number(bytes);
  if (value < 1024) return `${value} B`;
  value /= 1024;
  let unit = 0;
  // 1023.95 or more would be shown as 1024.0.
  while (value >= 1023.95 && unit + 1 < UNITS.length) {
    value /= 1024;
    ++unit;
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** @param {number} bytesPerSecond @returns {string} "" for 0 */
export function formatRate(bytesPerSecond) {
  return bytesPerSecond > 0 ? `${formatBytes(bytesPerSecond)}/s` : '';
}

/**
 * Returns a remaining time, rounded up to seconds: "0:07", "12:40", "1:00:03".
 * @param {number} seconds
 * @returns {string} "" when it is not known
 */
export function formatTimeLeft(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return '';
  const whole = Math.ceil(seconds);
  const two = (n) => String(n).padStart(2, '0');
  const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60, s = whole % 60;
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** @param {number} time in ms @returns {string} the time of the day */
export function formatClock(time) {
  return new Date(time).toLocaleTimeString(
      [], {hour: '2-digit', minute: '2-digit', second: '2-digit'});
}

/** @param {number} time in ms; 0 for none @returns {string} day and time */
export function formatDay(time) {
  return time ? new Date(time).toLocaleString([], {dateStyle: 'medium', timeStyle: 'short'}) : '';
}

/** @param {number} part @param {number} whole @returns {number} 0 to 100, whole only at the end */
export function percent(part, whole) {
  if (whole <= 0) return 100;
  return part >= whole ? 100 : Math.min(99, Math.floor(part / whole * 100));
}
