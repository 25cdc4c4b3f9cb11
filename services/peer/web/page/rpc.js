/** Calls by the Connect protocol: unary and server streaming, in JSON. */

/** An error of a call: Connect's code, and the reason of docs/protocol.md where there is one. */
export class RpcError extends Error {
  /**
   * @param {string} code such as "unavailable"; "offline" when there was no answer at all
   * @param {string} message for people
   * @param {string} [reason] such as "BOOK_MOVED"
   * @param {Object<string, string>} [metadata]
   */
  constructor(code, message, reason = '', metadata = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
  }
}

/**
 * Makes an error of the JSON that the server sends.
 * @param {any} body {"code", "message", "details"}
 * @returns {RpcError}
 */
export function readError(body) {
  let reason = '', metadata = {};
  for (const detail of body?.details ?? []) {
    if (detail.debug?.reason) ({reason, metadata = {}} = detail.debug);
  }
  return new RpcError(body?.code ?? 'unknown', body?.message ?? '', reason, metadata);
}

/** Cuts the bytes of a stream into messages: a byte of flags, the length, the message. Pure. */
export class EnvelopeReader {
  constructor() {
    this.rest = new Uint8Array(0);
    this.decoder = new TextDecoder();
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {{end: boolean, body: any}[]} the messages that are whole now
   */
  push(bytes) {
    let all = bytes;
    if (this.rest.length > 0) {
      all = new Uint8Array(this.rest.length + bytes.length);
      all.set(this.rest);
      all.set(bytes, this.rest.length);
    }
    const messages = [];
    let at = 0;
    while (all.length - at >= 5) {
      const length = new DataView(all.buffer, all.byteOffset + at + 1).getUint32(0);
      if (all.length - at - 5 < length) break;
      const text = this.decoder.decode(all.subarray(at + 5, at + 5 + length));
      messages.push({end: (all[at] & 2) !== 0, body: text === '' ? {} : JSON.parse(text)});
      at += 5 + length;
    }
    this.rest = all.slice(at);
    return messages;
  }
}

/** How long messages are read without a pause, in ms. What is there is read without one. */
const SLICE_MS = 50;

/** Lets the browser draw and take keys. Not by a timer: those of a hidden tab are slow. */
function breathe() {
  return new Promise((resolve) => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(null);
  });
}

function envelope(body) {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const out = new Uint8Array(5 + bytes.length);
  new DataView(out.buffer).setUint32(1, bytes.length);
  out.set(bytes, 5);
  return out;
}

/** The calls of one session. */
export class Rpc {
  /** @param {{token: () => string, signedOut: (token: string, why: string) => void}} session */
  constructor(session) {
    this.session = session;
  }

  /**
   * Calls PeerService or IndexService.
   * @param {string} call "PeerService/GetStatus"
   * @param {any} [body]
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} throws RpcError, or AbortError when the signal aborts
   */
  async call(call, body = {}, signal = undefined) {
    const response = await this.post(call, 'application/json', JSON.stringify(body), signal);
    try {
      return await response.json();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new RpcError('offline', String(error));
    }
  }

  /**
   * Yields the messages of a stream; an empty one is a sign of life.
   * @param {string} call
   * @param {any} body
   * @param {AbortSignal} signal ends it
   * @returns {AsyncGenerator<any>}
   */
  async * stream(call, body, signal) {
    const response = await this.post(call, 'application/connect+json', envelope(body), signal);
    const input = response.body.getReader();
    const reader = new EnvelopeReader();
    let begun = performance.now();
    for (;;) {
      if (performance.now() - begun > SLICE_MS) {
        await breathe();
        begun = performance.now();
      }
      let part;
      try {
        part = await input.read();
      } catch (error) {
        if (error.name === 'AbortError') throw error;
        throw new RpcError('offline', String(error));
      }
      if (part.done) throw new RpcError('offline', 'The stream broke off.');
      for (const message of reader.push(part.value)) {
        if (!message.end) {
          yield message.body;
        } else if (message.body.error) {
          throw readError(message.body.error);
        } else {
          return;
        }
      }
    }
  }

  /** @private */
  async post(call, type, body, signal) {
    const headers = {'Content-Type': type, 'Connect-Protocol-Version': '1'};
    const token = this.session.token();
    if (token) headers.Authorization = `Bearer ${token}`;
    let response;
    try {
      response = await fetch(
          `/arkshare.v1.${call}`, {method: 'POST', headers, body, signal, cache: 'no-store'});
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new RpcError('offline', String(error));
    }
    if (response.ok) return response;
    const text = await response.text().catch(() => '');
    let error;
    try {
      error = readError(JSON.parse(text));
    } catch {
      error = new RpcError(
          response.status === 401 ? 'unauthenticated' : 'unknown',
          text || `${response.status} ${response.statusText}`);
    }
    if (response.status === 401) this.session.signedOut(token, error.metadata.why ?? '');
    throw error;
  }
}
