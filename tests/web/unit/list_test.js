import {Selection} from '/store/selection.js';
import {HIGHEST, RowWindow} from '/window.js';

import {same, test} from './check.js';

const order = (...keys) => ({keys, length: keys.length, indexOf: (key) => keys.indexOf(key)});

export async function run() {
  await test('only the rows in sight are drawn', () => {
    const rows = new RowWindow(100000, 32, 640);
    same(rows.height, 3200000);
    same(rows.range(0, 0), {first: 0, last: 20});
    same(rows.range(3200, 2), {first: 98, last: 122});
    same(rows.range(3200000 - 640, 6).last, 100000);
    same(rows.offset(5, 3200), 160);
  });
  await test('a list that is higher than a browser allows reaches its last row', () => {
    const rows = new RowWindow(1000000, 32, 640);
    same(rows.height, HIGHEST);
    const bottom = rows.height - 640;
    same(rows.range(bottom, 0), {first: 999980, last: 1000000});
    // The last row ends where the element ends.
    same(Math.round(rows.offset(999999, bottom) + 32), HIGHEST);
    same(rows.range(0, 0).first, 0);
  });
  await test('a row comes into sight by the shortest way', () => {
    const rows = new RowWindow(1000, 32, 640);
    same(rows.reveal(5, 0), 0);
    same(rows.reveal(25, 0), 25 * 32 + 32 - 640);
    same(rows.reveal(2, 3200), 64);
  });
  await test('rows above that come or go do not move what is in sight', () => {
    const rows = new RowWindow(1000, 32, 640);
    same(rows.keep(100, 103, 3200), 3296);
    same(rows.keep(100, 90, 3200), 2880);
    same(rows.keep(3, 0, 50), 0);
  });
  await test('a selection is by key and survives a new order', () => {
    const selection = new Selection();
    selection.only('b');
    selection.extend('d', order('a', 'b', 'c', 'd'));
    same(selection.keys, new Set(['b', 'c', 'd']));
    selection.extend('a', order('a', 'b', 'c', 'd'));
    same(selection.keys, new Set(['a', 'b']));
    selection.toggle('a');
    same(selection.keys, new Set(['b']));
    same(selection.active, 'a');
    selection.extend('c', order('c', 'x', 'a'));
    same(selection.keys, new Set(['c', 'x', 'a']));
    same(selection.drop('x'), true);
    same(selection.drop('x'), false);
    selection.all(order('p', 'q'));
    same(selection.keys.has('p'), true);
  });
}
