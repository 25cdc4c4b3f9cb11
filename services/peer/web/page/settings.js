/** What a person has chosen for this browser: theme, keys, notifications. */

const THEME = 'arkshare-theme', KEYS = 'arkshare-keys', NOTIFY = 'arkshare-notify';
export const THEMES = ['system', 'light', 'dark'];

export function theme() {
  const chosen = localStorage.getItem(THEME) ?? '';
  return THEMES.includes(chosen) ? chosen : 'system';
}

/** @param {string} chosen one of THEMES */
export function setTheme(chosen) {
  localStorage.setItem(THEME, chosen);
  applyTheme();
}

export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}

/** Whether single letters are commands (WCAG 2.1.4 asks for a switch). */
export function singleKeys() {
  return localStorage.getItem(KEYS) !== 'off';
}

/** @param {boolean} on */
export function setSingleKeys(on) {
  localStorage.setItem(KEYS, on ? 'on' : 'off');
}

export function notifies() {
  return localStorage.getItem(NOTIFY) === 'on' && globalThis.Notification?.permission === 'granted';
}

/** Asks the browser where that is needed. @param {boolean} on @returns {Promise<boolean>} */
export async function setNotifies(on) {
  if (on && await globalThis.Notification?.requestPermission() !== 'granted') return false;
  localStorage.setItem(NOTIFY, on ? 'on' : 'off');
  return true;
}
