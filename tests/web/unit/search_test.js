import {t} from '/lang.js';
import {NowList} from '/store/now.js';
import {SearchResults} from '/store/search.js';

import {same, test} from './check.js';

const holder = (peer) => ({peer, lends: false, slots: 1});
const result = (name, ...peers) => ({
  key: `r${name}1/${name}`,
  name,
  contentKey: `r${name}1`,
  size: 1,
  holders: peers.map(holder),
  holderCount: peers.length,
  isNew: false,
  gone: '',
  note: ''
});
const listing = (name) => ({name, listingNumber: '1', content: {root: `r${name}`, sizeBytes: '1'}});
const shown = (results) => [...results.store.rows.values()].map(
    (row) => [row.name, row.holderCount, row.gone, row.isNew]);

export async function run() {
  await test('a book that moves away stays, with what became of it', () => {
    const results = new SearchResults();
    results.replace([result('a', 4), result('b', 4, 7)]);
    results.event(
        {
          bookMoved:
              {fromPeerId: 4, toPeerId: 9, oldListing: listing('a'), newListing: listing('a')}
        },
        5);
    same(shown(results), [['a', 0, t.goneTo(4, 9), false], ['b', 2, '', false]]);
    results.event({bookGone: {peerId: 4, listing: listing('b')}}, 5);
    same(shown(results)[1], ['b', 1, '', false]);
    results.event({peerGone: {peerId: 7}}, 5);
    same(shown(results)[1], ['b', 0, t.peerLeft(7), false]);
  });
  await test('a book that comes to this peer is not lost', () => {
    const results = new SearchResults();
    results.replace([result('a', 4)]);
    results.event({bookMoved: {fromPeerId: 4, toPeerId: 5, oldListing: listing('a')}}, 5);
    same(shown(results), [['a', 0, t.goneToYou, false]]);
  });
  await test('the same search later marks what is new and keeps the order', () => {
    const results = new SearchResults();
    results.replace([result('a', 4), result('b', 4)]);
    results.note(result('b').key, 'noted');
    results.update([result('c', 1), result('b', 4, 6)], true);
    same(shown(results), [['a', 0, t.holderNone, false], ['b', 2, '', false], ['c', 1, '', true]]);
    same([...results.store.rows.values()].map((row) => row.rank), [1, 2, 3]);
    same(results.store.get(result('b').key).note, 'noted');
    results.update([result('a', 8), result('b', 4, 6), result('c', 1)], true);
    same(shown(results)[0], ['a', 1, '', false], 'it is back');
  });
  await test('a part of the results says nothing about the others', () => {
    const results = new SearchResults();
    results.replace([result('a', 4), result('b', 4)]);
    results.update([result('a', 4)], false);
    same(shown(results)[1], ['b', 1, '', false]);
  });
  await test(
      'what is listed has to be asked for, because an event does not have its holders', () => {
        const results = new SearchResults();
        same(results.event({bookListed: {peerId: 3, listing: listing('z')}}, 5), true);
        same(results.event({bookGone: {peerId: 3, listing: listing('z')}}, 5), false);
        same(results.event({}, 5), false);
      });
  await test('a peer that begins to lend changes what happens', () => {
    const results = new SearchResults();
    results.replace([result('a', 4), result('b', 7)]);
    const told = [];
    results.store.listen(({put}) => told.push(...put.map((row) => row.name)));
    const peer = {peerId: 4, policy: 'SHARE_POLICY_COPY', freeSlots: 3};
    same(results.event({peerListed: {peer}}, 5), false);
    const [holder] = results.store.get(result('a').key).holders;
    same([holder.lends, holder.slots], [true, 3]);
    results.event({peerListed: {peer}}, 5);
    same(told, ['a'], 'told');
  });
  await test('the list of what happens joins the books of one peer', () => {
    const now = new NowList();
    now.peers = new Set([3]);
    for (let i = 0; i < 14; ++i)
      now.add({bookListed: {peerId: 2, listing: listing(`n${i}`)}}, 1000 + i);
    now.add({peerListed: {peer: {peerId: 3}}}, 2000);
    now.add({peerListed: {peer: {peerId: 8}}}, 2000);
    now.add({bookMoved: {fromPeerId: 4, toPeerId: 7, newListing: listing('u')}}, 3000);
    now.add({peerGone: {peerId: 8}}, 4000);
    same(
        now.items.map((item) => [item.kind, item.peer, item.count, item.name]),
        [['left', 8, 1, ''], ['moved', 7, 1, 'u'], ['joined', 8, 1, ''], ['added', 2, 14, '']]);
    now.add({bookListed: {peerId: 2, listing: listing('late')}}, 9000);
    same(now.items[0].name, 'late');
    for (let i = 0; i < 200; ++i) now.add({bookMoved: {newListing: listing('m')}}, i);
    same(now.items.length, 50);
  });
}
