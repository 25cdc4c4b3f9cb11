import {World} from '/store/world.js';

import {same, test} from './check.js';

const book = (key, content) => ({key, name: key, content});

export async function run() {
  await test('another tab gets the same world', () => {
    const world = new World();
    world.apply({type: 'begin', bootId: 'b'});
    world.apply({
      type: 'rows',
      table: 'library',
      put: Array.from({length: 12000}, (_, i) => book(`n${i}`, `c${i}`)),
      gone: []
    });
    world.apply({type: 'complete', tables: ['library']});
    world.apply({type: 'status', status: {peerId: 5}});
    const other = new World();
    other.apply({type: 'rows', table: 'library', put: [book('old', 'c')], gone: []});
    let largest = 0;
    for (const event of world.snapshot()) {
      largest = Math.max(largest, event.put?.length ?? 0);
      other.apply(structuredClone(event));
    }
    same(other.library.size, 12000);
    same(other.library.get('old'), undefined);
    same([other.library.complete, other.transfers.complete], [true, false]);
    same(other.status.peerId, 5);
    same(largest, 5000, 'rows of a message');
  });
  await test('it knows which contents are here, also when several names have one', () => {
    const world = new World();
    const apply = (put, gone = []) => world.apply({type: 'rows', table: 'library', put, gone});
    apply([book('a', 'x'), book('b', 'x'), book('c', '')]);
    same([world.has('x'), world.has('')], [true, false]);
    apply([], ['a']);
    same(world.has('x'), true);
    apply([book('b', 'y')]);
    same([world.has('x'), world.has('y')], [false, true]);
    apply([book('b', 'y')]);
    apply([], ['b']);
    same(world.has('y'), false);
  });
}
