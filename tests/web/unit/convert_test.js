import {addressOf, contentKey, libraryRow, resultRow, statusOf, toHex, toNumber, toSeconds, transferRow, uploadRow, wishRow} from '/convert.js';

import {same, test} from './check.js';

export async function run() {
  await test('64-bit numbers are numbers where that is exact', () => {
    same(toNumber('9007199254740991'), 9007199254740991);
    same(toNumber('18446744073709551615'), '18446744073709551615');
    same(toNumber(undefined), 0);
    same(toNumber('0'), 0);
  });
  await test('missing fields are their defaults', () => {
    same(transferRow({transferId: 'AA=='}).done, 0);
    same(statusOf({}).online, false);
    same(statusOf({}).freeDiskBytes, 0);
    same(statusOf({freeDiskBytes: '5'}).freeDiskBytes, 5);
    same(contentKey(undefined), '');
    same(contentKey({root: 'r'}), 'r');
    same(contentKey({root: `QUJDREVGR0hJSktM${'A'.repeat(27)}=`, sizeBytes: '7'}), 'ABCDEFGHIJKL');
    same(Number.isNaN(toSeconds(undefined)), true);
    same(toSeconds('1.5s'), 1.5);
    same(toHex('AP8='), '00ff');
  });
  await test(
      'a file that is not shared has no content, and one without a reason is being hashed', () => {
        same(libraryRow({name: 'a', sizeBytes: '3', unsharedReason: 'why'}).hashing, false);
        same(libraryRow({name: 'a', sizeBytes: '3'}).hashing, true);
        same(libraryRow({name: 'a', path: 'cGF0aA=='}).key, 'cGF0aA==');
        same(libraryRow({name: 'a'}).key, 'a');
      });
  await test('a refused transfer has no id, and a key of its own', () => {
    const rows = [transferRow({name: 'a'}, 1), transferRow({name: 'a'}, 2)];
    same(rows[0].key === rows[1].key, false);
    same(rows[0].id, '');
  });
  await test('a result counts all holders, and lists those of the whole book', () => {
    const row = resultRow({
      name: 'a',
      content: {root: 'r', sizeBytes: '1'},
      holderCount: 30,
      holders: [{peerId: 3, policy: 'SHARE_POLICY_COPY', freeSlots: 2}, {peerId: 4, partial: true}]
    });
    same(row.holderCount, 30);
    same(row.holders.map((holder) => [holder.peer, holder.lends, holder.slots]), [[3, true, 2]]);
  });
  await test('a peer without an address is behind the relay, if there is one', () => {
    same(
        [{address: '192.0.2.7:1', relayPort: 5}, {relayPort: 5}, {}].map(addressOf),
        ['192.0.2.7:1', 'relay', '']);
  });
  await test('uploads and wishes', () => {
    same(
        uploadRow({uploadId: '7', state: 'UPLOAD_STATE_RUNNING', rangeLength: '10', bytesSent: '5'})
            .size,
        10);
    same(wishRow({wishId: 'w', keywords: 'a b'}).kind, 'keywords');
    same(wishRow({wishId: 'w', name: 'a'}).action, 'TELL');
    same(wishRow({wishId: 'w', content: {root: 'AP8='}}).text, '00ff');
  });
}
