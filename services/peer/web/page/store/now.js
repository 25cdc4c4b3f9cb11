/** What has just happened in the group, newest first. Pure: time is an input. */

const LONGEST = 50;
/** Books that one peer adds within this time are one line. */
const TOGETHER_MS = 5000;

/**
 * @typedef {{kind: string, peer: number, from: number, count: number, name: string, time: number}}
 * Item
 */

export class NowList {
  constructor() {
    /** @type {Item[]} */
    this.items = [];
    /** The peers that are known to be there. @type {Set<number>} */
    this.peers = new Set();
  }

  /** @param {any} event a WatchResponse @param {number} time in ms */
  add(event, time) {
    if (event.bookMoved) {
      const {fromPeerId = 0, toPeerId = 0, newListing = {}} = event.bookMoved;
      this.push({
        kind: 'moved',
        peer: toPeerId,
        from: fromPeerId,
        count: 1,
        name: newListing.name ?? '',
        time
      });
    } else if (event.bookListed) {
      this.join('added', event.bookListed, time);
    } else if (event.bookGone) {
      this.join('gone', event.bookGone, time);
    } else if (event.peerListed) {
      const peer = event.peerListed.peer?.peerId ?? 0;
      // A peer is listed again whenever one of its fields changes.
      if (this.peers.has(peer)) return;
      this.peers.add(peer);
      this.push({kind: 'joined', peer, from: 0, count: 1, name: '', time});
    } else if (event.peerGone) {
      const peer = event.peerGone.peerId ?? 0;
      this.peers.delete(peer);
      this.push({kind: 'left', peer, from: 0, count: 1, name: '', time});
    }
  }

  /** @private */
  join(kind, {peerId: peer = 0, listing = {}}, time) {
    const last = this.items[0];
    if (last?.kind === kind && last.peer === peer && time - last.time < TOGETHER_MS) {
      this.items[0] = {...last, count: last.count + 1, name: '', time};
      return;
    }
    this.push({kind, peer, from: 0, count: 1, name: listing.name ?? '', time});
  }

  /** @private */
  push(item) {
    this.items.unshift(item);
    this.items.length = Math.min(this.items.length, LONGEST);
  }
}
