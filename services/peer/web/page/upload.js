/** Files from this computer into the library: by a drop, a paste, or a button. */
import {ask} from './dialog.js';
import {el, setText} from './dom.js';
import {formatBytes, percent} from './format.js';
import {t} from './lang.js';
import {readError} from './rpc.js';
import {planFiles} from './store/uploads.js';

/** A browser has six connections to the peer; the page needs some for itself. */
const AT_ONCE = 3;
const PROGRESS_MS = 200;

/** @typedef {{name: string, size: number, file: File}} Chosen */

/** Lets a person choose files, or a folder. @param {any} app @param {boolean} folder */
export function pickFiles(app, folder) {
  const input = el('input', {
    type: 'file',
    multiple: true,
    webkitdirectory: folder,
    change: () => addFiles(
        app,
        [...input.files].map(
            (file) => ({name: file.webkitRelativePath || file.name, size: file.size, file})))
  });
  input.click();
}

/** Takes files that are dropped or pasted anywhere. @param {any} app */
export function listenForFiles(app) {
  const shade = el('div.shade', {hidden: true}, t.dropHere);
  document.body.append(shade);
  const hasFiles = (event) => [...event.dataTransfer?.types ?? []].includes('Files');
  let depth = 0;
  const over = (by) => {
    depth = by === 0 ? 0 : Math.max(0, depth + by);
    shade.hidden = depth === 0;
  };
  addEventListener('dragenter', (event) => {
    if (hasFiles(event)) over(1);
  });
  addEventListener('dragleave', (event) => {
    if (hasFiles(event)) over(-1);
  });
  addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener('drop', async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    over(0);
    // The entries are only there while the event is.
    const entries = [...event.dataTransfer.items]
                        .map((item) => item.webkitGetAsEntry())
                        .filter((entry) => entry !== null);
    addFiles(app, await readEntries(entries));
  });
  addEventListener('paste', (event) => {
    const files = [...event.clipboardData?.files ?? []];
    if (files.length === 0) return;
    event.preventDefault();
    addFiles(app, files.map((file) => ({name: file.name, size: file.size, file})));
  });
}

/** @param {any[]} entries FileSystemEntry @returns {Promise<Chosen[]>} with all files of folders */
async function readEntries(entries) {
  const chosen = [], waiting = [...entries];
  while (waiting.length > 0) {
    const entry = waiting.pop();
    const name = entry.fullPath.replace(/^\//, '');
    if (entry.isFile) {
      const file =
          await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
      if (file) chosen.push({name, size: file.size, file});
      continue;
    }
    const reader = entry.createReader();
    for (;;) {
      // It gives 100 entries at a time.
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) break;
      waiting.push(...some);
    }
  }
  return chosen;
}

/** Says what will happen, and then adds the files. @param {any} app @param {Chosen[]} chosen */
async function addFiles(app, chosen) {
  if (chosen.length === 0) return;
  if (app.offlineReason()) {
    app.toast(app.offlineReason());
    return;
  }
  const names = new Set([...app.world.library.rows.values()].map((row) => row.name));
  const plan = planFiles(chosen, names, Number(app.world.status?.freeDiskBytes ?? -1));
  const body = [
    plan.taken > 0 ? t.addTaken(plan.taken) : '',
    plan.invalid > 0 ? t.addInvalid(plan.invalid) : '',
    plan.missing > 0 ? t.addFree(formatBytes(plan.missing)) : ''
  ].filter((text) => text !== '');
  const possible = plan.files.length > 0 && plan.missing === 0;
  const answer = await ask({
    title: t.addTitle(plan.files.length, formatBytes(plan.bytes)),
    body,
    buttons: [...possible ? [{value: 'add', text: t.add}] : [], {value: '', text: t.cancel}]
  });
  if (answer === 'add') await new Upload(app, plan).run();
}

class Upload {
  constructor(app, plan) {
    this.app = app;
    this.waiting = [...plan.files];
    this.count = plan.files.length;
    this.bytes = plan.bytes;
    this.done = 0;
    this.sent = new Map();
    this.errors = [];
    this.running = new Set();
    this.text = el('span');
    this.bar = el('progress', {max: '100', 'aria-label': t.addFiles});
    this.box =
        el('div.upload', {role: 'group', 'aria-label': t.addFiles}, this.text, this.bar,
           el('button', {click: () => this.cancel()}, t.cancel));
  }

  async run() {
    document.body.append(this.box);
    const leave = (event) => event.preventDefault();
    addEventListener('beforeunload', leave);
    const timer = setInterval(() => this.draw(), PROGRESS_MS);
    await Promise.all(Array.from({length: AT_ONCE}, () => this.lane()));
    clearInterval(timer);
    removeEventListener('beforeunload', leave);
    this.box.remove();
    this.app.report(this.done > 0 ? t.addDone(this.done) : '', this.errors);
  }

  /** @private */
  async lane() {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      this.name = next.name;
      const error = await this.send(next);
      if (error === null)
        ++this.done;
      else
        // By name: `...` leaves out the message of an Error.
        this.errors.push({reason: error.reason, message: error.message, name: next.name});
      if (error?.code === 'missing') this.cancel();
    }
  }

  /** Sends a file. fetch would not tell how much was sent. @private */
  send({name, file}) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      this.running.add(request);
      const end = (error) => {
        this.running.delete(request);
        resolve(error);
      };
      request.upload.onprogress = (event) => this.sent.set(name, event.loaded);
      request.onload = () => {
        if (request.status === 201) return end(null);
        if (request.status === 404) return end({code: 'missing', message: t.noUploads});
        try {
          return end(readError(JSON.parse(request.responseText)));
        } catch {
          return end({code: 'unknown', message: `${request.status} ${request.statusText}`});
        }
      };
      request.onerror = () => end({code: 'offline', message: t.offlineReason});
      request.onabort = () => end({code: 'canceled', message: ''});
      request.open('PUT', `/books/${name.split('/').map(encodeURIComponent).join('/')}`);
      request.setRequestHeader('Authorization', `Bearer ${this.app.session.token()}`);
      request.send(file);
    });
  }

  /** @private */
  cancel() {
    this.waiting.length = 0;
    for (const request of this.running) request.abort();
  }

  /** @private */
  draw() {
    let sent = 0;
    for (const bytes of this.sent.values()) sent += bytes;
    setText(this.text, t.adding(this.done, this.count, this.name ?? ''));
    this.bar.value = percent(sent, this.bytes);
  }
}
