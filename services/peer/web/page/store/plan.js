/** What a download does to its source, before it is asked for. Pure. */

/**
 * Returns what happens when a person gets a row of a search. A lender is preferred, because then no
 * peer loses the book.
 * @param {{name: string, content: any, holders: {peer: number, lends: boolean, slots: number}[]}}
 *     row
 * @param {boolean} copyOnly
 * @returns {{effect: 'move'|'copy', wish: any}} the wish is a FetchRequest
 */
export function planOne(row, copyOnly) {
  const wish = {name: row.name, content: row.content};
  if (row.saveAs) wish.saveAs = row.saveAs;
  const lenders = row.holders.filter((holder) => holder.lends);
  if (!copyOnly && lenders.length === 0) return {effect: 'move', wish};
  // A copy that was promised stays one, also when the source changes its policy meanwhile.
  wish.copyOnly = true;
  // When all lend or none does, the peer chooses: it knows which of them is the fastest.
  if (lenders.length === 0 || lenders.length === row.holders.length) return {effect: 'copy', wish};
  const free = lenders.find((holder) => holder.slots > 0) ?? lenders[0];
  return {effect: 'copy', wish: {...wish, fromPeerId: free.peer}};
}

/**
 * Returns the same for many rows. Rows that are here already, or gone, are left out.
 * @param {any[]} rows
 * @param {boolean} copyOnly
 * @param {(contentKey: string) => boolean} isHere
 * @returns {{moves: number, copies: number, here: number, bytes: number, wishes: any[],
 *   keys: string[]}} the keys of the rows, in the order of the wishes
 */
export function planMany(rows, copyOnly, isHere) {
  const plan = {moves: 0, copies: 0, here: 0, bytes: 0, wishes: [], keys: []};
  for (const row of rows) {
    if (row.gone) continue;
    if (isHere(row.contentKey)) {
      ++plan.here;
      continue;
    }
    const {effect, wish} = planOne(row, copyOnly);
    if (effect === 'move')
      ++plan.moves;
    else
      ++plan.copies;
    plan.bytes += Number(row.size);
    plan.wishes.push(wish);
    plan.keys.push(row.key);
  }
  return plan;
}
