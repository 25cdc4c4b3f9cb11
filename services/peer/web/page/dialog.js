/** Questions and notes in a <dialog>. The focus returns to where it was. */
import {el} from './dom.js';
import {t} from './lang.js';

/**
 * Asks, and returns the value of the button that was pressed; "" when the dialog was closed.
 * @param {{title: string, body?: (Node|string)[], buttons: {value: string, text: string,
 *   danger?: boolean}[]}} question
 * @returns {Promise<string>}
 */
export function ask({title, body = [], buttons}) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const id = `d${Date.now()}`;
    const dialog = el('dialog', {'aria-labelledby': id});
    const end = (value) => {
      dialog.close(value);
    };
    dialog.append(
        el('h2', {id}, title),
        ...body.map((part) => typeof part === 'string' ? el('p', {}, part) : part),
        el('div.buttons', {},
           ...buttons.map(
               ({value, text, danger}, i) =>
                   el(danger      ? 'button.danger' :
                          i === 0 ? 'button.primary' :
                                    'button',
                      {click: () => end(value)}, text))));
    dialog.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.target.tagName !== 'INPUT') return;
      event.preventDefault();
      end(buttons[0].value);
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (before instanceof HTMLElement) before.focus();
      resolve(dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Asks yes or no. @returns {Promise<boolean>} */
export async function confirm(title, body, yes, no = t.cancel, danger = false) {
  return await ask({
           title,
           body: [body],
           buttons: [{value: 'yes', text: yes, danger}, {value: '', text: no}]
         }) === 'yes';
}

/** Asks for one line of text. @returns {Promise<string>} "" when it was not given */
export async function askText(title, label, value, yes) {
  const input = el('input', {type: 'text', value, autocomplete: 'off', autofocus: true});
  const answer = await ask({
    title,
    body: [el('label', {}, label, input)],
    buttons: [{value: 'yes', text: yes}, {value: '', text: t.cancel}]
  });
  return answer === 'yes' ? input.value.trim() : '';
}

/** Shows pairs of names and values. @param {string} title @param {[string, string][]} rows */
export function details(title, rows) {
  const list = el(
      'dl', {},
      ...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, el('bdi', {}, value))]));
  return ask({title, body: [list], buttons: [{value: '', text: t.close}]});
}
