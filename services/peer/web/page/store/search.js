/**
 * The results of a search, and what becomes of them. A result that is gone stays, with the reason,
 * until the next search. No DOM.
 */
import {t} from '../lang.js';

import {KeyedStore} from './keyed.js';

export class SearchResults {
  constructor() {
    this.store = new KeyedStore();
    this.ranks = 0;
  }

  /** Begins another search with its first results. @param {any[]} rows */
  replace(rows) {
    this.ranks = 0;
    const keys = new Set(rows.map((row) => row.key));
    this.store.apply(
        rows.map((row) => this.ranked(row)),
        [...this.store.rows.keys()].filter((key) => !keys.has(key)));
  }

  /** Adds a page of the same search. @param {any[]} rows */
  add(rows) {
    this.store.apply(rows.map((row) => this.merged(row, false)), []);
  }

  /**
   * Takes over what the same search returns now.
   * @param {any[]} rows
   * @param {boolean} complete these are all results: the others are gone
   */
  update(rows, complete) {
    const put = rows.map((row) => this.merged(row, true));
    if (complete) {
      const keys = new Set(rows.map((row) => row.key));
      for (const row of this.store.rows.values()) {
        if (keys.has(row.key) || row.gone) continue;
        put.push({...row, holders: [], holderCount: 0, gone: t.holderNone});
      }
    }
    this.store.apply(put, []);
  }

  /** Notes something at a row. @param {string} key @param {string} note @param {string} action */
  note(key, note, action = '') {
    const row = this.store.get(key);
    if (row) this.store.apply([{...row, note, action}], []);
  }

  /**
   * Applies an event of IndexService.Watch.
   * @param {any} event a WatchResponse
   * @param {number} self the number of this peer
   * @returns {boolean} whether the search has to be asked again
   */
  event(event, self) {
    if (event.bookListed) return true;
    if (event.bookGone) {
      const {peerId = 0, listing = {}} = event.bookGone;
      return this.lose(listing, peerId, t.gonePeer(peerId));
    }
    if (event.bookMoved) {
      const {fromPeerId: from = 0, toPeerId: to = 0, oldListing = {}} = event.bookMoved;
      this.lose(oldListing, from, to === self ? t.goneToYou : t.goneTo(from, to));
      return to !== self;
    }
    if (event.peerGone) return this.losePeer(event.peerGone.peerId ?? 0);
    if (event.peerListed) this.changePeer(event.peerListed.peer ?? {});
    return false;
  }

  /** A peer has lost a listing. @private */
  lose(listing, peer, gone) {
    const key =
        `${listing.content?.root ?? ''}${listing.content?.sizeBytes ?? 0}/${listing.name ?? ''}`;
    const row = this.store.get(key);
    if (!row) return false;
    this.store.apply([without(row, peer, gone)], []);
    return row.holderCount > row.holders.length;
  }

  /** A peer has other slots, or another policy: what happens with its books may differ. @private */
  changePeer({peerId: peer = 0, policy, freeSlots: slots = 0}) {
    const lends = policy === 'SHARE_POLICY_COPY', put = [];
    for (const row of this.store.rows.values()) {
      const at = row.holders.findIndex((holder) => holder.peer === peer);
      if (at < 0 || row.holders[at].slots === slots && row.holders[at].lends === lends) continue;
      put.push({...row, holders: row.holders.with(at, {...row.holders[at], slots, lends})});
    }
    this.store.apply(put, []);
  }

  /** @private */
  losePeer(peer) {
    const put = [];
    for (const row of this.store.rows.values()) {
      if (row.holders.some((holder) => holder.peer === peer))
        put.push(without(row, peer, t.peerLeft(peer)));
    }
    this.store.apply(put, []);
    return false;
  }

  /** @private */
  ranked(row) {
    return {...row, rank: ++this.ranks};
  }

  /** @private */
  merged(row, markNew) {
    const old = this.store.get(row.key);
    if (!old) return {...this.ranked(row), isNew: markNew};
    return {...row, rank: old.rank, isNew: old.isNew, note: old.note, action: old.action};
  }
}

function without(row, peer, gone) {
  const holders = row.holders.filter((holder) => holder.peer !== peer);
  if (holders.length === row.holders.length) return row.gone ? {...row, gone} : row;
  const holderCount = row.holderCount - 1;
  return {...row, holders, holderCount, gone: holderCount <= 0 ? gone : ''};
}
