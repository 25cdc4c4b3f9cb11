import {watchEvents} from '/source.js';

import {same, test} from './check.js';

export async function run() {
  await test('a message of WatchOwn is rows, keys, status and the end of the snapshot', () => {
    const events = watchEvents({
      library: [{path: 'cA==', name: 'a'}],
      libraryGone: ['cQ=='],
      transfersForgotten: ['dA=='],
      uploads: [{uploadId: '3'}],
      uploadsEnded: ['2'],
      status: {peerId: 5},
      snapshotComplete: true
    });
    same(
        events.map(
            (event) => [event.type, event.table ?? '', (event.put ?? []).length, event.gone ?? []]),
        [
          ['rows', 'library', 1, ['cQ==']], ['rows', 'transfers', 0, ['dA==']],
          ['rows', 'uploads', 1, ['2']], ['status', '', 0, []], ['complete', '', 0, []]
        ]);
  });
  await test('an empty message is only a sign of life', () => same(watchEvents({}), []));
}
