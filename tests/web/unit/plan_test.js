import {transferActions, transferGroup} from '/store/actions.js';
import {foldersOf, inFolder} from '/store/folders.js';
import {planMany, planOne} from '/store/plan.js';
import {Retry} from '/store/retry.js';
import {nameTrouble, planFiles} from '/store/uploads.js';

import {same, test} from './check.js';

const holder = (peer, lends, slots = 1) => ({peer, lends, slots});
const book = (name, ...holders) =>
    ({key: name, name, content: {root: name}, contentKey: name, size: 10, holders, gone: ''});

export async function run() {
  await test('what a download does to its source', () => {
    for (const [holders, copyOnly, effect, from] of [
             [[holder(1, false)], false, 'move', undefined],
             [[holder(1, false), holder(2, false)], false, 'move', undefined],
             [[holder(1, false)], true, 'copy', undefined],
             [[holder(1, true)], false, 'copy', undefined],
             [[holder(1, true), holder(2, true)], false, 'copy', undefined],
             [[holder(1, false), holder(2, true)], false, 'copy', 2],
             [[holder(1, false), holder(2, true, 0), holder(3, true, 4)], false, 'copy', 3],
             [[holder(1, false), holder(2, true, 0)], false, 'copy', 2],
    ]) {
      const plan = planOne(book('a', ...holders), copyOnly);
      same(
          [plan.effect, plan.wish.fromPeerId, plan.wish.copyOnly ?? false],
          [effect, from, effect === 'copy']);
    }
    same(planOne({...book('a', holder(1, false)), saveAs: 'b'}, false).wish.saveAs, 'b');
  });
  await test('the button counts moves and copies, and leaves out what is here or gone', () => {
    const plan = planMany(
        [
          book('a', holder(1, false)), book('b', holder(2, true)), book('here', holder(1, false)),
          {...book('left'), gone: 'left'}
        ],
        false, (key) => key === 'here');
    same([plan.moves, plan.copies, plan.here, plan.bytes], [1, 1, 1, 20]);
    same(plan.keys, ['a', 'b']);
    same(plan.wishes.map((wish) => wish.name), ['a', 'b']);
  });
  await test('what can be done with a transfer depends on its state', () => {
    const row = (state, more = {}) =>
        ({id: 'x', state, moving: true, placeless: false, error: null, ...more});
    const offered = (one) => Object.entries(transferActions([one]))
                                 .filter(([, rows]) => rows.length > 0)
                                 .map(([name]) => name);
    same(offered(row('QUEUED')), ['cancel']);
    same(offered(row('FETCHING')), ['cancel']);
    same(offered(row('HANDING_OVER')), ['retry', 'keep']);
    same(offered(row('HANDING_OVER', {placeless: true})), ['place']);
    same(offered(row('DONE')), ['forget']);
    same(offered(row('FAILED', {error: {reason: 'DISK_FULL'}})), ['retry', 'forget']);
    same(offered(row('FAILED', {error: {reason: 'ALREADY_IN_LIBRARY'}})), ['forget']);
    same(offered(row('FAILED', {id: ''})), []);
    same(
        ['QUEUED', 'FETCHING', 'HANDING_OVER', 'DONE', 'FAILED'].map(
            (state) => transferGroup(row(state))),
        ['coming', 'coming', 'waiting', 'done', 'failed']);
  });
  await test('files are planned before they are sent', () => {
    const file = (name, size = 1) => ({name, size});
    const plan = planFiles(
        [file('a', 5), file('taken'), file('.hidden'), file('x/.git/y'), file('b', 7)],
        new Set(['taken']), 10);
    same(
        [plan.files.map((one) => one.name), plan.bytes, plan.taken, plan.invalid, plan.missing],
        [['a', 'b'], 12, 1, 2, 2]);
    same(planFiles([file('a', 5)], new Set(), -1).missing, 0);
    // A name that is not in NFC is one that is.
    same(planFiles([file('e\u0301')], new Set(['\u00e9']), -1).taken, 1);
  });
  await test('names that cannot be shared', () => {
    for (const [name, trouble] of [
             ['a/b.txt', ''], ['a:b', ''], ['', 'length'], ['a//b', 'length'],
             ['x'.repeat(256), 'length'], ['.a', 'dot'], ['a/..', 'dot'], ['a\\b', 'character'],
             ['a\nb', 'character'], ['a\u202eb', 'character']]) {
      same(nameTrouble(name), trouble, name);
    }
  });
  await test('folders count what is below them', () => {
    same(
        foldersOf(['a/b/1', 'a/2', 'c/3', '4']),
        [{name: 'a', count: 2}, {name: 'a/b', count: 1}, {name: 'c', count: 1}]);
    same(inFolder('ab/1', 'a'), false);
    same(inFolder('a/1', 'a'), true);
  });
  await test('pauses grow to 15 s, and begin again after an answer', () => {
    const retry = new Retry();
    same([0, 0, 0, 0, 0, 0].map(() => retry.next(0)), [1000, 2000, 4000, 8000, 15000, 15000]);
    retry.reset();
    same(retry.next(1), 800);
  });
}
