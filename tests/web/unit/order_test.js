import {difference} from '/store/difference.js';
import {KeyedStore} from '/store/keyed.js';
import {fold, matcher, RowOrder} from '/store/order.js';

import {same, test} from './check.js';

const SORTS = {
  name: (row) => row.name,
  size: (row) => row.size
};
const row = (name, size = 0) => ({key: name, name, size});

function filled(...names) {
  const store = new KeyedStore();
  store.apply(names.map((name) => row(name)), []);
  const order = new RowOrder(store, SORTS, 'name');
  order.apply();
  return {store, order};
}

export async function run() {
  await test('rows are sorted, and equal ones by key', () => {
    const {order, store} = filled('c', 'a', 'b');
    same(order.keys, ['a', 'b', 'c']);
    order.setSort('-name');
    same(order.keys, ['c', 'b', 'a']);
    order.setSort('size');
    same(order.keys, ['a', 'b', 'c']);
    store.apply([row('a', 5)], []);
    same(order.stale, true);
    same(order.refresh(), true);
    same(order.keys, ['b', 'c', 'a']);
  });
  await test('while the order is held, nothing moves', () => {
    const {order, store} = filled('b', 'c', 'd');
    order.held = true;
    store.apply([row('a')], ['c']);
    same(order.refresh(), false);
    same(order.keys, ['b', 'c', 'd']);
    same(order.isGhost('c'), true);
    same(order.rowAt(1).gone, true);
    same([...order.waiting], ['a']);
    order.held = false;
    order.refresh();
    same(order.keys, ['a', 'b', 'd']);
    same(order.waiting.size, 0);
    same(order.isGhost('c'), false);
  });
  await test('a row that comes back in time has never left', () => {
    const {order, store} = filled('b', 'c');
    order.held = true;
    store.apply([], ['c']);
    store.apply([row('c', 9)], []);
    same(order.isGhost('c'), false);
    same(order.rowAt(1).size, 9);
  });
  await test('a changed value keeps the order unless it is out of place', () => {
    const {order, store} = filled('a', 'b', 'c');
    store.apply([row('b', 7)], []);
    same(order.stale, false);
    order.setSort('size');
    store.apply([row('b', 8)], []);
    same(order.stale, false, 'still the largest');
    store.apply([row('b', -1)], []);
    same(order.stale, true);
  });
  await test('a filter takes words in any order, without case and accents', () => {
    const matches = matcher('  ÉCOLE  dune ');
    same(matches(fold('Dune a l’ecole.epub')), true);
    same(matches(fold('Dune.epub')), false);
    same(matcher('   '), null);
    same(fold('plain name.epub'), 'plain name.epub');
    same(fold('Ünï'), 'uni');
    const {order, store} = filled('apple', 'pear');
    order.setFilter((one) => matcher('pea')(fold(one.name)));
    same(order.keys, ['pear']);
    store.apply([row('fig')], []);
    same(order.stale, false, 'a row that does not match changes nothing');
    store.apply([row('peach')], []);
    order.refresh();
    same(order.keys, ['peach', 'pear']);
  });
  await test('a snapshot removes what it does not repeat', () => {
    const {store} = filled('a', 'b', 'c');
    const changes = [];
    store.listen((change) => changes.push(...change.gone.map((gone) => gone.key)));
    store.beginSnapshot();
    store.apply([row('b')], []);
    same(store.size, 3, 'old rows stay until the snapshot is whole');
    store.endSnapshot();
    same([...store.rows.keys()], ['b']);
    same(changes, ['a', 'c']);
    same(store.complete, true);
    store.endSnapshot();
    same(store.size, 1);
  });
  await test('the difference of two lists', () => {
    const before = new Map([['a', {key: 'a', list: [1]}], ['b', {key: 'b', n: NaN}]]);
    same(difference(before, [{key: 'a', list: [1]}, {key: 'b', n: NaN}]), {put: [], gone: []});
    same(
        difference(before, [{key: 'a', list: [2]}, {key: 'c'}]),
        {put: [{key: 'a', list: [2]}, {key: 'c'}], gone: ['b']});
  });
}
