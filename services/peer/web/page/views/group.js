/** Peers: who is there, and what moves between them now. */
import {addressOf, toNumber} from '../convert.js';
import {el, setText, show} from '../dom.js';
import {Follow} from '../follow.js';
import {formatClock, formatRate} from '../format.js';
import {t} from '../lang.js';
import {formatRoute} from '../route.js';
import {difference} from '../store/difference.js';
import {KeyedStore} from '../store/keyed.js';
import {NowList} from '../store/now.js';

import {List} from './list.js';

const PEERS_MS = 10000;

export class GroupView {
  constructor(app) {
    this.app = app;
    this.store = new KeyedStore();
    this.now = new NowList();
    const self = () => app.world.status?.peerId;
    this.list = new List(app, {
      label: t.group,
      store: this.store,
      sort: 'peer',
      sorts:
          {peer: (row) => row.peer, books: (row) => Number(row.books), slots: (row) => row.slots},
      sortNames: {peer: t.peerNumber, '-books': t.bookCount, '-slots': t.slots},
      columns: [
        {
          id: 'name',
          title: t.peerNumber,
          width: 'minmax(7rem, 1fr)',
          sort: 'peer',
          text: (row) => `${t.peer(row.peer)}${row.peer === self() ? ` · ${t.you}` : ''}`
        },
        {
          id: 'books',
          title: t.bookCount,
          width: '6rem',
          align: 'end',
          sort: 'books',
          text: (row) => t.number(row.books)
        },
        {
          id: 'policy',
          title: t.policy,
          width: '7rem',
          text: (row) => row.lends ? t.lends : t.givesAway
        },
        {
          id: 'slots',
          title: t.slots,
          width: '6rem',
          align: 'end',
          sort: 'slots',
          text: (row) => t.number(row.slots)
        },
        {
          id: 'limit',
          title: t.limit,
          width: '7rem',
          align: 'end',
          text: (row) => formatRate(Number(row.limit)) || t.noLimit
        },
        {
          id: 'state',
          title: t.state,
          width: '6rem',
          text: (row) => row.listed ? t.online : t.hiddenPeer
        },
        {id: 'address', title: t.address, width: 'minmax(8rem, 2fr)', text: (row) => row.address},
      ],
      classOf: (row) => row.listed ? '' : 'noted',
      empty: () => this.error || t.peersEmpty,
      actions: [{
        primary: true,
        text: () => t.openPeer,
        key: 'Enter',
        when: (rows) => rows.length === 1,
        run: ([row]) => app.go(formatRoute('peer', {}, row.peer))
      }]
    });
    this.nowList = el('ol.now');
    this.nowNote = el('p.empty', {}, t.nowEmpty);
    this.element =
        el('div.split', {}, this.list.element,
           el('section.second', {'aria-label': t.now}, el('h2', {}, t.now), this.nowNote,
              this.nowList));
  }

  open() {
    if (this.follow) return;
    this.read();
    this.timer = setInterval(() => {
      if (document.visibilityState === 'visible') this.read();
    }, PEERS_MS);
    this.follow = new Follow(this.app.rpc, {changesOnly: true}, {
      event: (event) => {
        this.now.add(event, Date.now());
        if (event.peerListed) this.store.apply([peerRow(event.peerListed.peer ?? {})], []);
        if (event.peerGone) this.store.apply([], [String(event.peerGone.peerId ?? 0)]);
        this.app.redraw();
      },
      state: (state) => {
        if (state === 'large') setText(this.nowNote, t.nowOff);
      },
    });
  }

  draw() {
    let books = 0;
    for (const row of this.store.rows.values()) books += Number(row.books);
    if (!this.error) this.list.setSummary(t.peersSummary(this.store.size, books));
    this.list.refresh();
    show(this.nowNote, this.now.items.length === 0);
    this.now.items.forEach((item, i) => {
      const node = this.nowList.children[i] ??
          this.nowList.appendChild(el('li', {}, el('time'), el('span'), el('bdi')));
      setText(node.children[0], formatClock(item.time));
      setText(node.children[1], nowText(item));
      setText(node.children[2], item.name);
    });
  }

  close() {
    clearInterval(this.timer);
    this.follow?.end();
    this.list.close();
  }

  /** @private */
  async read() {
    try {
      const peers = [];
      let pageToken = '';
      do {
        const answer =
            await this.app.rpc.call('IndexService/ListPeers', {pageSize: 1000, pageToken});
        peers.push(...(answer.peers ?? []).map(peerRow));
        pageToken = answer.nextPageToken ?? '';
      } while (pageToken !== '');
      const {put, gone} = difference(this.store.rows, peers);
      this.store.apply(put, gone);
      this.now.peers = new Set(peers.map((row) => row.peer));
      this.error = '';
    } catch (error) {
      this.error = error.message;
    }
    this.app.redraw();
  }
}

function nowText(item) {
  switch (item.kind) {
    case 'moved':
      return t.nowMoved(item.from, item.peer);
    case 'added':
      return t.nowAdded(item.peer, item.count);
    case 'gone':
      return t.nowGone(item.peer, item.count);
    case 'joined':
      return t.nowJoined(item.peer);
  }
  return t.nowLeft(item.peer);
}

/** @param {any} peer Peer */
function peerRow(peer) {
  return {
    key: String(peer.peerId ?? 0),
    peer: peer.peerId ?? 0,
    address: addressOf(peer),
    lends: peer.policy === 'SHARE_POLICY_COPY',
    books: toNumber(peer.bookCount),
    slots: peer.freeSlots ?? 0,
    limit: toNumber(peer.uploadLimit),
    listed: peer.listed ?? false,
  };
}
