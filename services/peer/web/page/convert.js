/**
 * From the JSON of the contracts to the rows of the stores. Here 64-bit numbers become numbers, and
 * missing fields their defaults, so that no other module has to know the JSON mapping of
 * protobuf. Pure.
 *
 * Bytes (ids, keys, roots) stay base64: they are only compared and sent back.
 */

/**
 * Returns a number where it is exact, and the text where it is larger than 2^53.
 * @param {string|number|undefined} value
 * @returns {number|string}
 */
export function toNumber(value) {
  const number = Number(value ?? 0);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** @param {string|undefined} text a Timestamp @returns {number} ms since 1970; 0 for none */
export function toTime(text) {
  return text ? Date.parse(text) : 0;
}

/** @param {string|undefined} text a Duration, "1.5s" @returns {number} seconds; NaN for none */
export function toSeconds(text) {
  return text ? Number.parseFloat(text) : NaN;
}

/** @param {string} base64 @returns {string} hex */
export function toHex(base64) {
  return Array.from(atob(base64 || ''), (c) => c.charCodeAt(0).toString(16).padStart(2, '0'))
      .join('');
}

/** The length of a root as base64. */
const ROOT_LENGTH = 44;

/**
 * Returns a key of a content; "" for none. The first 96 bits of a root tell contents apart, and
 * take half the memory.
 * @param {any} content a ContentId
 * @returns {string}
 */
export function contentKey(content) {
  const root = content?.root ?? '';
  return root.length === ROOT_LENGTH ? atob(root.slice(0, 16)) : root;
}

/**
 * @param {any} error an ItemError @returns {{reason:string, message:string, metadata:Object}|null}
 */
export function itemError(error) {
  if (!error) return null;
  return {reason: error.reason ?? '', message: error.message ?? '', metadata: error.metadata ?? {}};
}

/** @param {any} status GetStatusResponse */
export function statusOf(status) {
  const numbers = {};
  for (const name
           of ['bookCount', 'bookBytes', 'pendingFiles', 'uploadLimit', 'downloadLimit',
               'limboCount', 'notIndexedCount', 'uploadBytesPerSecond', 'downloadBytesPerSecond',
               'freeDiskBytes']) {
    numbers[name] = toNumber(status[name]);
  }
  return {
    peerId: 0,
    address: '',
    indexAddress: '',
    listenAddress: '',
    online: false,
    trouble: '',
    policy: '',
    shareFolder: '',
    uploadsRunning: 0,
    uploadsWaiting: 0,
    uploadSlots: 0,
    version: '',
    ...status,
    ...numbers,
    shares: (status.shares ?? []).map((share) => ({
                                        path: share.path ?? '',
                                        done: toNumber(share.bytesDone),
                                        total: toNumber(share.bytesTotal)
                                      })),
  };
}

/** @param {any} entry LibraryEntry */
export function libraryRow(entry) {
  const content = entry.listing?.content;
  return {
    key: entry.path || entry.name || '',
    name: entry.name ?? '',
    /** The name as it is compared, once it was. A field that comes later takes more memory. */
    folded: undefined,
    size: toNumber(entry.sizeBytes ?? content?.sizeBytes),
    content: contentKey(content),
    listed: toTime(entry.listedTime),
    hashing: !entry.listing && !entry.unsharedReason,
    unshared: entry.unsharedReason ?? '',
    lendOnly: entry.lendOnly ? entry.lendOnlyReason || ' ' : '',
    trouble: entry.trouble || entry.notIndexedReason || '',
  };
}

/** @param {any} transfer Transfer @param {number} order breaks ties; for those without an id */
export function transferRow(transfer, order = 0) {
  const content = transfer.content;
  return {
    key: transfer.transferId || `refused:${transfer.name ?? ''}:${order}`,
    id: transfer.transferId ?? '',
    name: transfer.name ?? '',
    content,
    size: toNumber(content?.sizeBytes),
    state: (transfer.state ?? '').replace('TRANSFER_STATE_', ''),
    done: toNumber(transfer.bytesDone),
    rate: toNumber(transfer.bytesPerSecond),
    position: transfer.queuePosition ?? 0,
    wait: toSeconds(transfer.estimatedWait),
    from: transfer.fromPeerId ?? 0,
    sources: (transfer.contributions ??
              []).map((part) => ({peer: part.peerId ?? 0, bytes: toNumber(part.bytes)})),
    moving: transfer.moving ?? false,
    message: transfer.message ?? '',
    error: itemError(transfer.error),
    started: toTime(transfer.startTime),
    ended: toTime(transfer.endTime),
    placeless: transfer.waitsForPlace ?? false,
  };
}

/** @param {any} entry LimboEntry */
export function limboRow(entry) {
  return {
    key: entry.transferId ?? '',
    id: entry.transferId ?? '',
    name: entry.name ?? '',
    size: toNumber(entry.content?.sizeBytes),
    receiver: entry.receiverPublicKey ?? '',
    time: toTime(entry.releaseTime),
  };
}

/** @param {any} upload Upload */
export function uploadRow(upload) {
  const whole = toNumber(upload.rangeLength);
  return {
    key: String(upload.uploadId ?? ''),
    name: upload.name ?? '',
    books: upload.bookCount ?? 1,
    size: whole || toNumber(upload.content?.sizeBytes),
    state: (upload.state ?? '').replace('UPLOAD_STATE_', ''),
    done: toNumber(upload.bytesSent),
    rate: toNumber(upload.bytesPerSecond),
    position: upload.queuePosition ?? 0,
    receiver: upload.receiverPublicKey ?? '',
    // Its port is not the one at which the peer can be reached.
    address: (upload.receiverAddress ?? '').replace(/:\d+$/, ''),
    started: toTime(upload.startTime),
  };
}

/** @param {any} wish Wish */
export function wishRow(wish) {
  const kind = wish.keywords !== undefined ? 'keywords' : wish.content ? 'content' : 'name';
  return {
    key: String(wish.wishId ?? ''),
    id: wish.wishId ?? '',
    kind,
    text: kind === 'content' ? toHex(wish.content.root).slice(0, 12) : wish[kind] ?? '',
    action: /COPY|ANY/.exec(wish.action ?? '')?.[0] ?? 'TELL',
    limit: wish.fetchLimit ?? 1,
    added: toTime(wish.addTime),
    found: toNumber(wish.foundCount),
    fetched: toNumber(wish.fetchedCount),
    last: (wish.found ?? []).map((one) => ({
                                   name: one.name ?? '',
                                   peer: one.peerId ?? 0,
                                   time: toTime(one.time),
                                   fetched: one.fetched ?? false
                                 })),
    error: itemError(wish.lastError),
    watched: wish.watched ?? false,
  };
}

/** Returns where other peers reach it. @param {any} peer Peer or Holder */
export function addressOf(peer) {
  return peer.address || (peer.relayPort ? 'relay' : '');
}

/** @param {any} holder Holder */
export function holderOf(holder) {
  return {
    peer: holder.peerId ?? 0,
    listing: holder.listingNumber ?? '',
    address: addressOf(holder),
    lends: holder.policy === 'SHARE_POLICY_COPY',
    slots: holder.freeSlots ?? 0,
    limit: toNumber(holder.uploadLimit),
  };
}

/** @param {any} result SearchResponse.Result */
export function resultRow(result) {
  const holders = (result.holders ?? []).filter((holder) => !holder.partial).map(holderOf);
  return {
    // All of the content, as a false one must not hide the true one.
    key: `${result.content?.root ?? ''}${result.content?.sizeBytes ?? 0}/${result.name ?? ''}`,
    name: result.name ?? '',
    content: result.content,
    contentKey: contentKey(result.content),
    size: toNumber(result.content?.sizeBytes),
    holders,
    holderCount: Math.max(result.holderCount ?? 0, holders.length),
    isNew: false,
    gone: '',
    note: '',
  };
}
