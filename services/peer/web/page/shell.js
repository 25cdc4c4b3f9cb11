/** The frame around the views: header, navigation, banner, and short notes. */
import {el, setAttribute, setText, show} from './dom.js';
import {formatClock, formatRate} from './format.js';
import {t} from './lang.js';
import {formatRoute} from './route.js';

const TOAST_MS = 6000;
/** What readers are told of numbers, at most this often. */
const ANNOUNCE_MS = 2000;

export class Shell {
  /**
   * @param {string[]} views those in the navigation
   * @param {{type: (words: string) => void, retry: () => void}} handlers
   */
  constructor(views, handlers) {
    this.search = el('input', {
      type: 'search',
      id: 'search',
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-label': t.searchBooks,
      placeholder: t.searchBooks,
      'aria-keyshortcuts': '/',
      input: () => handlers.type(this.search.value)
    });
    this.peer = el('span.peer');
    this.rates = el('span.rates');
    this.links = Object.fromEntries(views.map(
        (view) =>
            [view, el('a', {href: formatRoute(view)}, el('span', {}, t[view]), el('span.count'))]));
    this.banner = el('div.banner', {role: 'status', hidden: true});
    this.bannerText = el('span');
    this.bannerButton = el('button', {click: () => handlers.retry()}, t.retryNow);
    this.banner.append(this.bannerText, this.bannerButton);
    this.live = el('div.hidden', {'aria-live': 'polite'});
    this.toasts = el('div.toasts', {role: 'status'});
    this.heading = el('h1.hidden');
    this.main = el('main', {id: 'main', tabindex: '-1'}, this.heading);
    const submit =
        el('form.search', {
          role: 'search',
          submit: (event) => {
            event.preventDefault();
            this.focusList();
          }
        },
           this.search);
    this.element =
        el('div.shell', {},
           el('a.skip', {
             href: '#main',
             click: (event) => {
               event.preventDefault();
               this.focusList();
             }
           },
              t.skip),
           el('header', {}, el('span.brand', {}, 'arkshare'), this.peer, submit, this.rates),
           el('nav', {'aria-label': t.views}, ...Object.values(this.links)), this.banner, this.main,
           this.toasts, this.live);
  }

  /** Shows a view. @param {string} view @param {Node} element */
  place(view, element) {
    setText(this.heading, t[view === 'peer' ? 'group' : view]);
    document.title = `${this.heading.textContent} · arkshare`;
    this.main.replaceChildren(this.heading, element);
    for (const [name, link] of Object.entries(this.links)) {
      setAttribute(
          link, 'aria-current', name === (view === 'peer' ? 'group' : view) ? 'page' : null);
    }
  }

  /** @param {import('./store/world.js').World} world */
  draw(world) {
    const {status, link} = world;
    if (status) {
      setText(this.peer, `${t.ownPeer(status.peerId)} · ${status.online ? t.online : t.notOnline}`);
      setAttribute(this.peer, 'data-online', String(status.online));
    }
    show(this.rates, status !== null);
    let down = Number(status?.downloadBytesPerSecond ?? 0),
        up = Number(status?.uploadBytesPerSecond ?? 0);
    if (down === 0)
      for (const row of world.transfers.rows.values())
        if (row.state === 'FETCHING') down += row.rate;
    if (up === 0)
      for (const row of world.uploads.rows.values()) up += row.rate;
    setText(this.rates, `↓ ${formatRate(down) || '0'}  ↑ ${formatRate(up) || '0'}`);
    setAttribute(
        this.rates, 'title',
        `${t.down}: ${formatRate(down) || '0'}, ${t.up}: ${formatRate(up) || '0'}`);
    let active = world.uploads.size;
    for (const row of world.transfers.rows.values())
      if (row.state !== 'DONE' && row.state !== 'FAILED') ++active;
    const counts = {
      library: world.library.size,
      transfers: active,
      wishes: world.wishes.size,
      limbo: world.limbo.size
    };
    for (const [view, n] of Object.entries(counts)) {
      if (this.links[view]) setText(this.links[view].lastChild, n > 0 ? t.number(n) : '');
    }
    this.drawBanner(status, link);
    document.body.classList.toggle('offline', link.state === 'offline');
  }

  /** @private */
  drawBanner(status, link) {
    let text = '';
    if (link.state === 'offline') {
      const seconds = Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
      text = `${t.offline(formatClock(link.since))} ${link.error} `;
      // The seconds are not told to readers each time.
      setText(this.bannerButton, `${t.retryNow} (${t.retryIn(seconds)})`);
    } else if (status && !status.online && status.trouble) {
      text = `${status.trouble} ${t.indexAway}`;
    } else if (status?.trouble) {
      text = status.trouble;
    }
    show(this.bannerButton, link.state === 'offline');
    setText(this.bannerText, text);
    show(this.banner, text !== '');
  }

  /** A short note. It never carries what must not be missed. @param {string} text */
  toast(text) {
    if (text === '') return;
    const node = el('p.toast', {}, text);
    this.toasts.append(node);
    while (this.toasts.children.length > 3) this.toasts.firstChild.remove();
    setTimeout(() => node.remove(), TOAST_MS);
  }

  /** Tells readers something; the last of several wins. @param {string} text */
  announce(text) {
    this.announced = text;
    this.announcing ??= setTimeout(() => {
      this.announcing = undefined;
      setText(this.live, this.announced);
    }, performance.now() - (this.announcedTime ?? -ANNOUNCE_MS) > ANNOUNCE_MS ? 50 : ANNOUNCE_MS);
    this.announcedTime = performance.now();
  }

  focusList() {
    (this.main.querySelector('.grid') ?? this.main).focus();
  }
}
