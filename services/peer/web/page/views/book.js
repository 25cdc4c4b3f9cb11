/** All that is known of a book at other peers. */
import {toHex} from '../convert.js';
import {details} from '../dialog.js';
import {formatBytes, formatRate} from '../format.js';
import {t} from '../lang.js';

/** @param {any} row */
export function showBook(row) {
  const rows = [
    [t.name, row.name], [t.size, formatBytes(row.size)],
    [t.contentId, toHex(row.content?.root ?? '')]
  ];
  for (const holder of row.holders ?? []) {
    rows.push([t.holders, `${t.holderLine(holder, formatRate(holder.limit))} · ${holder.address}`]);
  }
  return details(row.name, rows);
}
