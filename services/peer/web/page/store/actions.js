/** What can be done with a transfer, and where it belongs. Pure. */

/**
 * Returns what can be done with transfers: the ids for each action.
 * @param {any[]} rows rows of the transfers
 * @returns {Object<string, any[]>}
 */
export function transferActions(rows) {
  const actions = {cancel: [], retry: [], keep: [], place: [], forget: []};
  for (const row of rows) {
    const over = row.state === 'DONE' || row.state === 'FAILED';
    if (row.id !== '' && (row.state === 'QUEUED' || row.state === 'FETCHING'))
      actions.cancel.push(row);
    if (row.id !== '' && row.state === 'FAILED' && canRetry(row.error?.reason))
      actions.retry.push(row);
    // One that waits asks its source at once.
    if (row.state === 'HANDING_OVER' && !row.placeless) actions.retry.push(row);
    if (row.state === 'HANDING_OVER' && row.moving && !row.placeless) actions.keep.push(row);
    if (row.placeless) actions.place.push(row);
    if (row.id !== '' && over) actions.forget.push(row);
  }
  return actions;
}

/** Reasons for which the same download cannot succeed by being repeated. */
const FINAL = new Set([
  'ALREADY_IN_LIBRARY', 'INVALID_NAME', 'INVALID_FIELD', 'ROLE_FORBIDS', 'NOT_A_MEMBER',
  'AMBIGUOUS_NAME'
]);

function canRetry(reason) {
  return !FINAL.has(reason ?? '');
}

/**
 * Where a row belongs: "coming", "waiting", "failed" or "done". @param {any} row of the transfers
 */
export function transferGroup(row) {
  if (row.state === 'FAILED') return 'failed';
  if (row.state === 'DONE') return 'done';
  return row.state === 'HANDING_OVER' || row.placeless ? 'waiting' : 'coming';
}
