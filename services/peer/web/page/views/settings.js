/** Settings: limits of the peer, this browser's choices, signed-in browsers. */
import {toHex, toTime} from '../convert.js';
import {el, setText, show} from '../dom.js';
import {formatDay, formatRate} from '../format.js';
import {t} from '../lang.js';
import {notifies, setNotifies} from '../notify.js';
import * as chosen from '../settings.js';
import {parseBytes} from '../store/limits.js';

export class SettingsView {
  constructor(app) {
    this.app = app;
    this.sessions = el('ul.sessions');
    this.about = el('dl');
    this.element =
        el('div.page', {}, this.makeLimits(), this.makeLook(), this.makeSessions(),
           el('section', {}, el('h2', {}, t.about), this.about));
  }

  open() {
    this.readSessions();
  }

  draw() {
    const {status} = this.app.world;
    if (!status) return;
    for (const [input, limit] of [
             [this.downloadInput, status.downloadLimit], [this.uploadInput, status.uploadLimit]]) {
      // What a person types is left in peace.
      if (input !== document.activeElement && !input.changed) {
        input.value = Number(limit) === 0 ? '0' : formatRate(Number(limit));
      }
    }
    this.drawAbout(status);
  }

  close() {}

  /** @private */
  makeLimits() {
    const field = (name) => {
      const input = el('input', {
        type: 'text',
        autocomplete: 'off',
        'aria-describedby': 'limit-hint',
        input: () => {
          input.changed = true;
        }
      });
      return {input, label: el('label', {}, el('span', {}, name), input)};
    };
    const down = field(t.downloadLimit), up = field(t.uploadLimit);
    this.downloadInput = down.input;
    this.uploadInput = up.input;
    const apply = el('button.primary', {}, t.apply);
    apply.type = 'submit';
    this.limitError = el('p.error', {role: 'alert', hidden: true}, t.badRate);
    return el(
        'section', {}, el('h2', {}, t.limits),
        el('form', {submit: (event) => this.limit(event)}, down.label, up.label,
           el('p.hint', {id: 'limit-hint'}, t.limitHint), this.limitError, apply));
  }

  /** @private */
  async limit(event) {
    event.preventDefault();
    const downloadLimit = parseBytes(this.downloadInput.value);
    const uploadLimit = parseBytes(this.uploadInput.value);
    const bad = downloadLimit === null || uploadLimit === null;
    show(this.limitError, bad);
    if (bad) return;
    try {
      await this.app.rpc.call(
          'PeerService/SetLimits',
          {downloadLimit: String(downloadLimit), uploadLimit: String(uploadLimit)});
      this.downloadInput.changed = this.uploadInput.changed = false;
      this.app.toast(t.limitsSet);
    } catch (error) {
      this.app.fail(error);
    }
  }

  /** @private */
  makeLook() {
    const radios = chosen.THEMES.map(
        (name) =>
            el('label', {}, el('input', {
                 type: 'radio',
                 name: 'theme',
                 value: name,
                 checked: chosen.theme() === name,
                 change: () => chosen.setTheme(name)
               }),
               t.themes[name]));
    const keys = el('input', {
      type: 'checkbox',
      checked: chosen.singleKeys(),
      change: () => chosen.setSingleKeys(keys.checked)
    });
    const denied = el('p.hint', {hidden: true, role: 'alert'}, t.notifyDenied);
    const notify = el('input', {
      type: 'checkbox',
      checked: notifies(),
      change: async () => {
        const done = await setNotifies(notify.checked);
        show(denied, !done);
        notify.checked = done && notify.checked;
      }
    });
    return el(
        'section', {}, el('h2', {}, t.appearance),
        el('fieldset', {}, el('legend', {}, t.theme), ...radios),
        el('fieldset', {}, el('legend', {}, t.keys), el('label', {}, keys, t.singleKeys),
           el('button', {click: () => this.app.showKeys()}, t.help)),
        el('fieldset', {}, el('legend', {}, t.notifications), el('label', {}, notify, t.notifyDone),
           denied));
  }

  /** @private */
  makeSessions() {
    return el(
        'section', {}, el('h2', {}, t.sessions), this.sessions,
        el('button', {click: () => this.app.signOut()}, t.signOut));
  }

  /** @private */
  async readSessions() {
    try {
      const {sessions = []} = await this.app.rpc.call('PeerService/ListPageSessions');
      this.sessions.replaceChildren(...sessions.map((session) => this.sessionLine(session)));
    } catch (error) {
      this.app.fail(error);
    }
  }

  /** @private */
  sessionLine({sessionId = '', userAgent = '', lastUseTime}) {
    const own = sessionId === this.app.session.id();
    const used = own ? t.thisOne : t.lastUsed(formatDay(toTime(lastUseTime)));
    const name = browserName(userAgent);
    return el(
        'li', {}, el('bdi', {title: userAgent}, name), ` · ${used} `,
        own ? null :
              el('button', {
                'aria-label': `${t.endSession}: ${name}`,
                click: async () => {
                  try {
                    await this.app.rpc.call('PeerService/EndPageSession', {sessionId});
                  } catch (error) {
                    this.app.fail(error);
                  }
                  this.readSessions();
                }
              },
                 t.endSession));
  }

  /** @private */
  drawAbout(status) {
    const rows = {
      number: status.peerId ? String(status.peerId) : '',
      address: status.address || status.listenAddress,
      folder: status.shareFolder,
      policy: t.policies[status.policy] ?? '',
      slots: t.slotsUsed(status.uploadsRunning, status.uploadSlots, status.uploadsWaiting),
      index: status.indexAddress,
      group: status.group?.member?.name ?? '',
      version: status.version,
      key: toHex(status.publicKey ?? ''),
    };
    const shown = Object.entries(rows).filter(([, value]) => value);
    if (this.about.children.length !== shown.length * 2) {
      this.about.replaceChildren(
          ...shown.flatMap(([name]) => [el('dt', {}, t.aboutRows[name]), el('dd', {}, el('bdi'))]));
    }
    shown.forEach(([, value], i) => setText(this.about.children[i * 2 + 1].firstChild, value));
  }
}

/** Returns a short name of a browser. @param {string} agent */
function browserName(agent) {
  const found = /(Firefox|Edg|OPR|Chrome|Safari)\/(\d+)/.exec(agent);
  return found ? `${found[1]} ${found[2]}` : agent.slice(0, 40) || '?';
}
