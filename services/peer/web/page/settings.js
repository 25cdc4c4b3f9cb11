/** What a person has chosen for this browser: theme and keys. */

const THEME = 'arkshare-theme', KEYS = 'arkshare-keys';
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
