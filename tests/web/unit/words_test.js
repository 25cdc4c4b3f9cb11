import {explain, REASONS} from '/errors.js';
import {t} from '/lang.js';

import {same, test} from './check.js';

export async function run() {
  await test('every reason has a sentence', () => {
    for (const [reason, [sentence]] of Object.entries(REASONS)) {
      if (!/[.]$/.test(sentence)) throw new Error(`${reason} has no sentence`);
    }
  });
  await test('an unknown reason is shown in the words of the server', () => {
    same(explain({reason: 'NEW_REASON', message: 'do this'}).text, 'do this');
    same(explain({reason: 'constructor', message: 'do this'}).text, 'do this');
    same(explain({code: 'offline', message: 'TypeError'}).text, t.offlineReason);
    same(
        explain({reason: 'DISK_FULL', message: '1.2 GiB missing'}),
        {text: REASONS.DISK_FULL[0], detail: '1.2 GiB missing', action: 'retry'});
  });
  await test('the button says what happens', () => {
    same(t.getPlan(1, 2), 'Get: moves 1, copies 2');
    same(t.getPlan(3, 0), 'Get: moves 3');
    same(t.getPlan(0, 1), 'Get: copies 1');
    same(t.books(1), '1 book');
    same(t.books(1204), '1,204 books');
  });
}
