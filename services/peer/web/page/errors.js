/**
 * Tells a person how to go on after an error: a sentence for each reason of docs/protocol.md, and
 * an action of the page where there is one. A reason that is not here is shown in the words of the
 * server.
 */
import {t} from './lang.js';

/** @typedef {'search'|'save_as'|'choose'|'retry'|'index'|''} Action */

/** @type {Object<string, [string, Action]>} */
export const REASONS = {
  INVALID_FIELD: ['The request breaks a rule.', ''],
  INVALID_NAME: ['The name cannot be used.', 'save_as'],
  QUERY_EMPTY: ['Give a word with letters or digits.', ''],
  PAGE_TOKEN_INVALID: ['The list has changed.', 'search'],
  ADDRESS_NOT_ALLOWED: [
    'The index cannot give this address to others. Start the peer with another --advertise.', ''
  ],
  SESSION_UNKNOWN: ['The peer registers again by itself.', 'retry'],
  SIGNATURE_INVALID: ['A signature is wrong: another program answers for this peer.', ''],
  TICKET_INVALID: ['The proof of the move does not hold. See the logs of both peers.', ''],
  REGISTRATION_UNKNOWN: ['Another program uses the key or the address of this peer.', ''],
  NOT_A_MEMBER: ['The group does not have this key. Ask its owner for an invitation.', ''],
  ROLE_FORBIDS: ['Your role in the group does not allow this. Ask its owner for another one.', ''],
  INVITATION_USED: ['The invitation is used up. Ask for a new one.', ''],
  INVITATION_EXPIRED: ['The invitation has expired. Ask for a new one.', ''],
  WRONG_KEY: ['Another key answers at this address. Check the address.', ''],
  BOOK_GONE: ['The peer has no such book any more.', 'search'],
  BOOK_NOT_FOUND: ['No peer has this book now.', 'search'],
  PEER_UNKNOWN: ['That peer has left.', 'search'],
  TRANSFER_UNKNOWN: ['This transfer is not there any more.', ''],
  FILE_NOT_FOUND: ['The file is not on the disk.', ''],
  INVITATION_UNKNOWN: ['There is no such invitation.', ''],
  MEMBER_UNKNOWN: ['The group has no such member.', ''],
  WISH_UNKNOWN: ['This wish is not there any more.', ''],
  ALREADY_IN_LIBRARY: ['You have this book already.', ''],
  NAME_TAKEN: ['Another file here has this name.', 'save_as'],
  KEY_IN_USE: ['Another peer runs with the same key. Run one peer for each folder.', ''],
  TRANSFER_CONFLICT: ['The source knows this transfer for another book. Get it again.', 'retry'],
  BOOK_MOVED: ['The book has just moved to another peer.', 'retry'],
  BOOK_CHANGED: ['The file was changed. Search again.', 'search'],
  NOT_FOR_TAKING: ['The source only lends this book: you have a copy.', ''],
  AMBIGUOUS_NAME: ['Several books have this name. Choose one in the search.', 'choose'],
  SEQUENCE_GAP: ['The peer repeats what the index has missed, by itself.', ''],
  PIECE_NOT_HERE: ['The download asks other peers by itself.', ''],
  TRANSFER_NOT_WAITING: ['The book is still coming, or the transfer is over.', ''],
  TRANSFER_NOT_ENDABLE: ['This transfer cannot be ended now.', ''],
  PLACE_UNUSABLE: ['The book cannot enter your folder at this place.', 'save_as'],
  GROUP_UNKNOWN: ['This peer runs without keys, so it has no group.', ''],
  MEMBERS_OUTDATED:
      ['The index has an old list of members. Its owner has to import the newer one.', ''],
  SESSION_SUPERSEDED: ['A newer peer with the same key took over.', ''],
  STREAM_REPLACED: ['A newer connection took over. Nothing to do.', ''],
  TRANSFER_CANCELLED: ['The download was cancelled.', 'retry'],
  OFFSET_OUT_OF_RANGE: ['The download began behind the end of the book.', 'retry'],
  QUEUE_FULL: ['Too many wait at that peer. Try again later.', 'retry'],
  WATCH_LAGGED: ['This page was too slow for the changes, and reads them again.', ''],
  LIMIT_EXCEEDED: ['A limit is reached. Try again in a moment.', 'retry'],
  DISK_FULL: ['There is no room on the disk. Make room, then try again.', 'retry'],
  STREAM_STALLED: ['Nothing came for too long.', 'retry'],
  BOOK_UNSETTLED:
      ['The source is still busy with this book. Your peer asks again by itself.', 'retry'],
  NO_HOLDER_REACHABLE: ['No peer with this book answers. Try again later.', 'retry'],
  STORE_UNREACHABLE: ['The index cannot write now. Your peer tries again by itself.', 'index'],
  STORE_FULL: ['The store of the index has no room. Tell its owner.', ''],
  INDEX_BEHIND: ['This index has not heard of the latest changes yet. Try again.', 'retry'],
  INDEX_UNREACHABLE: ['The index does not answer. Your peer tries again by itself.', 'index'],
  PEER_UNREACHABLE: ['That peer does not answer.', 'retry'],
  HANDSHAKE_REFUSED: ['The other program does not know the key of your peer.', ''],
  SHUTTING_DOWN: ['The program is stopping. Ask again after its restart.', 'retry'],
  CONTENT_MISMATCH: ['A peer sent wrong bytes. The download takes another peer.', 'retry'],
  ANSWER_INVALID: ['The other program breaks the contract. Tell its operator.', ''],
  INTERNAL: ['The machine failed. The log of the program says more.', ''],
  NOT_FROM_A_PAGE: ['A page must not do this. Use arkshare-cli.', ''],
  SIGN_IN_NEEDED: ['Open this page with arkshare-cli web.', ''],
  PAGE_CODE_INVALID:
      ['The address of this page works once, for a minute. Run arkshare-cli web again.', ''],
};

/**
 * Returns an error as a sentence.
 * @param {{reason?: string, code?: string, message?: string, metadata?: Object<string, string>}}
 *     error
 * @returns {{text: string, detail: string, action: Action}} the detail is in the server's words
 */
export function explain(error) {
  if (error.code === 'offline') return {text: t.offlineReason, detail: '', action: 'retry'};
  const reason = error.reason ?? '';
  const known = Object.hasOwn(REASONS, reason) ? REASONS[reason] : undefined;
  const message = error.message ?? '';
  if (!known) return {text: message || error.code || '', detail: '', action: ''};
  return {text: known[0], detail: message, action: known[1]};
}
