/** English. Functions where a number or a name is part of the words. */

const plurals = new Intl.PluralRules('en');
const number = new Intl.NumberFormat('en');

/** Returns "1 book" or "12 books". */
function count(n, one, many) {
  return `${number.format(n)} ${plurals.select(n) === 'one' ? one : many}`;
}

export default {
  number: (n) => number.format(n),
  books: (n) => count(n, 'book', 'books'),
  peer: (id) => `peer ${id}`,

  // The frame of the page.
  search: 'Search',
  library: 'Library',
  transfers: 'Transfers',
  group: 'Peers',
  wishes: 'Wishes',
  limbo: 'Limbo',
  settings: 'Settings',
  history: 'History',
  views: 'Views',
  skip: 'Skip to the list',
  searchBooks: 'Search for books',
  all: 'All',
  ownPeer: (id) => id ? `Peer ${id}` : 'Your peer',
  online: 'online',
  notOnline: 'not online',
  down: 'Receiving',
  up: 'Sending',
  notDone: (n) => `${count(n, 'thing', 'things')} could not be done`,
  cancel: 'Cancel',
  close: 'Close',
  ok: 'OK',
  selected: 'Selected',
  more: 'Show more',
  selectAll: 'Select all',
  selectNone: 'Select none',
  sortBy: 'Sort by',
  details: 'Details',
  selection: (n, size) => `${number.format(n)} selected, ${size}`,
  nothingSelected: 'Nothing is selected',
  newRows: (n) => `Show ${count(n, 'new row', 'new rows')}`,
  orderIsOld: 'Order is old: sort again',

  // How the peer is reached.
  offline: (clock) =>
      `Your peer does not answer (since ${clock}). After its restart, run arkshare-cli web.`,
  retryIn: (s) => `${s} s`,
  retryNow: 'Try now',
  indexAway: 'Your own books are here. Searching works again when the index is back.',
  offlineReason: 'Your peer does not answer.',

  // Sign-in.
  signIn: 'Open this page from your peer',
  signInHow: 'Run this command as the owner of the peer. It prints an address that works once.',
  signedOut: 'This page is signed out.',
  signedOutWhy: {
    unknown: 'Your peer was restarted, or this session was ended.',
    ended: 'This session was ended by the owner.',
    code_used_twice: 'The code of this page was used twice, so both sessions were ended. ' +
        'If you did not do that, another program has read the address.',
  },


  // Tables.
  name: 'Name',
  size: 'Size',
  holders: 'Who has it',
  effect: 'What happens',
  rank: 'Fits best',
  shared: 'Shared',
  added: 'Newest',
  progress: 'Progress',
  rate: 'Rate',
  left: 'Left',
  from: 'From',
  to: 'To',
  state: 'State',
  time: 'Time',
  what: 'What',
  receiver: 'Receiver',
  peerNumber: 'Peer',
  bookCount: 'Books',
  policy: 'Policy',
  slots: 'Free slots',
  limit: 'Limit',
  address: 'Address',
  query: 'Wish',
  found: 'Found',
  action: 'Do',

  // Search.
  searchHint: 'Type words of a name. Each word is the beginning of a word in it.',
  noResults: (query) => `No peer has a book with “${query}”.`,
  results: (n, more) =>
      more ? `The best ${number.format(n)} results` : count(n, 'result', 'results'),
  live: 'live',
  notLive: 'not live',
  incomplete: 'The index did not look at every book: give more or longer words.',
  onlyLacking: 'Only what I lack',
  copiesOnly: 'Copies only',
  holderOne: (peer, slots) => `peer ${peer} · ${slots > 0 ? `${slots} free` : 'busy'}`,
  holderMany: (n, slots) => `${number.format(n)} · ${slots > 0 ? `${slots} free` : 'all busy'}`,
  holderNone: 'no peer now',
  moves: 'moves to you',
  copies: 'copy',
  isHere: 'you have it',
  isNew: 'NEW',
  moving: 'on its way',
  goneTo: (from, to) => `gone: peer ${from} gave it to peer ${to} just now`,
  goneToYou: 'came to you',
  gonePeer: (peer) => `gone: peer ${peer} has no such book any more`,
  peerLeft: (peer) => `gone: peer ${peer} left`,
  getCopies: 'Get copies only',
  makeWish: 'Wish for this',
  getPlan: (moves, copies) => moves > 0 && copies > 0 ? `Get: moves ${moves}, copies ${copies}` :
      moves > 0 ? `Get: moves ${moves}` :
      copies > 0 ? `Get: copies ${copies}` :
                   'Get',
  nothingToGet: 'You have all of these already.',
  moveTitle: (n) => `Move ${count(n, 'book', 'books')} to you?`,
  moveBody: (moves, copies) =>
      `${count(moves, 'book leaves its', 'books leave their')} present peer` +
      `${copies > 0 ? `, and ${number.format(copies)} come as copies` : ''}.`,
  askedFor: (n) => `${count(n, 'book is', 'books are')} on the way.`,
  asking: (n) => `Asking for ${count(n, 'book', 'books')} …`,
  refused: (n) => `${count(n, 'book was', 'books were')} refused; the rows say why.`,
  holderLine: (holder, limit) =>
      `peer ${holder.peer} · ${holder.lends ? 'lends copies' : 'gives away'}` +
      ` · ${count(holder.slots, 'free slot', 'free slots')}${limit ? ` · at most ${limit}` : ''}`,
  contentId: 'Content',

  // Library.
  libraryEmpty: 'No books yet. Drop files here, or search for some.',
  librarySummary: (n, size, free) =>
      `${count(n, 'book', 'books')} · ${size} · ${free} free`,
  filter: 'Filter',
  addFiles: 'Add files',
  addFolder: 'Add a folder',
  sharedMoves: 'moves when taken',
  sharedLends: 'lent as copies',
  lentOnly: (why) => `lent only${why.trim() ? `: ${why}` : ''}`,
  notShared: (why) => `not shared: ${why}`,
  hashing: 'being hashed',
  stopSharing: 'Stop sharing',
  openBook: 'Open',
  save: 'Save to this computer',
  listed: 'Shared since',
  unshareTitle: (n) => `Stop sharing ${count(n, 'book', 'books')}?`,
  unshareBody: 'Other peers do not find them any more. The files stay in your folder.',
  unshared: (n) => `${count(n, 'book is', 'books are')} not shared any more.`,
  pendingFiles: (n) => `${count(n, 'file is', 'files are')} being hashed`,
  notIndexed: (n) => `the index does not list ${count(n, 'book', 'books')}`,

  // Adding files.
  dropHere: 'Drop files or folders to share them',
  addTitle: (n, size) => `Add ${count(n, 'file', 'files')}, ${size}?`,
  addTaken: (n) => `${count(n, 'name is', 'names are')} taken and left out.`,
  addInvalid: (n) =>
      `${count(n, 'name', 'names')} cannot be shared and ${n === 1 ? 'is' : 'are'} left out.`,
  addFree: (size) => `Not enough room: ${size} are missing.`,
  add: 'Add',
  adding: (done, all, name) => `Adding ${number.format(done)} of ${number.format(all)}: ${name}`,
  addDone: (n) => `${count(n, 'file is', 'files are')} shared now.`,
  noUploads: 'This peer takes no files from a browser. Use: arkshare-cli share PATH',

  // Transfers.
  started: 'Began',
  ended: 'Ended',
  transfersEmpty: 'Nothing comes and nothing came since your peer started.',
  uploadsEmpty: 'No peer takes anything from you now.',
  coming: 'Coming',
  waiting: 'Waiting',
  failed: 'Failed',
  done: 'Done',
  goingOut: 'Going out',
  clearDone: 'Clear done',
  cancelTransfers: 'Cancel',
  retry: 'Retry',
  forget: 'Forget',
  keep: 'Keep as copy …',
  place: 'Save as …',
  queued: (position, wait) => `waits, ${position} before it${wait ? ` · about ${wait}` : ''}`,
  queuedPlain: 'waits for a slot',
  handing: (peer) => `received; peer ${peer} has to hand it over`,
  placeless: 'received, but it cannot enter your folder',
  doneMoved: 'moved to you',
  doneCopied: 'copied',
  arrived: (name) => `${name} is here.`,
  arrivedMany: (n) => `${count(n, 'book has', 'books have')} arrived.`,
  fromMany: (parts) => parts.map((part) => `peer ${part.peer} ${part.percent} %`).join(', '),
  keepTitle: 'Keep as a copy?',
  keepBody: 'Do this when the source is gone for good. If it comes back, there may be two copies.',
  keepYes: 'Keep as copy',
  kept: 'It is a copy of yours now.',
  keptMoved: 'The source answered: the book is yours.',
  placeTitle: 'Save the book under another name',
  newName: 'New name',
  cancelTitle: (n) => `Cancel ${count(n, 'download', 'downloads')}?`,
  cancelBody: 'What was received of them is removed.',
  cancelYes: 'Cancel downloads',
  cancelNo: 'Go on',
  uploadWaits: (position) => position > 0 ? `waits, ${position} before it` : 'waits',
  uploadParked: 'pauses',
  someBooks: (n) => count(n, 'book', 'books'),
  forgotten: (n) => `${count(n, 'row', 'rows')} removed.`,

  // Peers.
  peersEmpty: 'No peer is registered at the index.',
  peersSummary: (n, books) => `${count(n, 'peer', 'peers')} · ${count(books, 'book', 'books')}`,
  lends: 'lends',
  givesAway: 'gives away',
  hiddenPeer: 'hidden',
  noLimit: 'none',
  you: 'you',
  now: 'Now',
  nowEmpty: 'Nothing has moved since you opened this page.',
  nowOff:
      'The index cannot tell changes without its whole table, which is too large for this page.',
  nowMoved: (from, to) => `peer ${from} → peer ${to}`,
  nowAdded: (peer, n) => `peer ${peer} added ${count(n, 'book', 'books')}`,
  nowGone: (peer, n) => `peer ${peer} removed ${count(n, 'book', 'books')}`,
  nowJoined: (peer) => `peer ${peer} is here`,
  nowLeft: (peer) => `peer ${peer} left`,
  openPeer: 'Show its books',
  peerBooks: (peer) => `Books of peer ${peer}`,
  allPeers: 'All peers',
  folder: 'Folder',
  allFolders: 'All folders',
  peerEmpty: 'This peer lists no books.',
  loading: (n) => `Reading … ${number.format(n)}`,

  // Wishes.
  wishesEmpty: 'No wishes yet. Your peer watches for them, and tells you or gets the book.',
  wishText: 'Words of a name',
  wishAction: 'When it is found',
  wishExact: 'Exactly this name',
  addWish: 'Add wish',
  removeWish: 'Remove',
  showFound: 'Show',
  wishActions: {TELL: 'tell me', COPY: 'get a copy', ANY: 'get it, also when it moves'},
  wishFound: (n, fetched) => n === 0 ?
      'not yet' :
      `${number.format(n)} found${fetched ? `, ${number.format(fetched)} got` : ''}`,
  wishNotWatched: 'the index is not watched now',
  wishFoundNow: (text, name) => `Wish “${text}”: ${name}`,
  exact: (text) => `exactly: ${text}`,

  // Limbo.
  limboEmpty:
      'Nothing waits. Books that you gave away are here until their receivers confirm them.',
  limboNote: 'These books were given away, and their receivers have not confirmed them yet.',
  givenAt: 'Given away',
  restore: 'Take back',
  restoreTitle: (n) => `Take back ${count(n, 'book', 'books')}?`,
  restoreBody: 'Do this when the receiver is gone for good. It may have a second copy.',
  restored: (n) => `${count(n, 'book is', 'books are')} back in your library.`,

  // History.
  historyEmpty: 'Nothing was received or given yet.',
  historyKinds: {RECEIVED: 'got', COPIED: 'got a copy', GIVEN: 'gave', RESTORED: 'took back'},

  // Settings.
  limits: 'Limits',
  downloadLimit: 'Receive at most',
  uploadLimit: 'Send at most',
  limitHint: 'Such as 20 MiB/s; 0 is no limit',
  apply: 'Apply',
  limitsSet: 'The limits hold now.',
  badRate: 'That is no rate. Write one like 20 MiB/s, or 0 for no limit.',
  appearance: 'Appearance',
  theme: 'Theme',
  themes: {system: 'As the system', light: 'Light', dark: 'Dark'},
  keys: 'Keyboard',
  singleKeys: 'Keys without Ctrl, such as / and 1 to 6',
  notifications: 'Notifications',
  notifyDone: 'Tell me when a book has arrived',
  notifyDenied: 'This browser does not allow it. Its settings for this page can change that.',
  sessions: 'Signed-in browsers',
  thisOne: 'this one',
  endSession: 'End',
  signOut: 'Sign out',
  lastUsed: (day) => `last used ${day}`,
  about: 'Your peer',
  aboutRows: {
    number: 'Number',
    address: 'Address',
    folder: 'Folder',
    policy: 'Policy',
    index: 'Index',
    version: 'Version',
    key: 'Key',
    slots: 'Upload slots',
    group: 'Member'
  },
  policies: {SHARE_POLICY_MOVE: 'a download moves the book', SHARE_POLICY_COPY: 'lends copies'},
  slotsUsed: (used, all, waiting) => `${used} of ${all} in use, ${waiting} waiting`,

  // Keys.
  help: 'Keys',
  helpRows: [
    ['/', 'search'], ['1 – 6', 'views'], ['↑ ↓ Home End PgUp PgDn', 'move in a list'],
    ['letters', 'go to a name'], ['Space', 'select'], ['Shift + ↑ ↓', 'select a range'],
    ['Ctrl + A', 'select all'], ['Enter', 'get, or open'], ['c', 'get copies only'],
    ['Delete', 'cancel, or stop sharing'], ['Esc', 'select none, close'], ['?', 'this list']
  ],
};
