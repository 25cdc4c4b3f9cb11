import {EnvelopeReader, readError, Rpc} from '/rpc.js';

import {same, test} from './check.js';

function envelope(flags, text) {
  const body = new TextEncoder().encode(text);
  const bytes = new Uint8Array(5 + body.length);
  bytes[0] = flags;
  new DataView(bytes.buffer).setUint32(1, body.length);
  bytes.set(body, 5);
  return bytes;
}

export async function run() {
  await test('a stream is cut into messages wherever its bytes are cut', () => {
    const parts =
        [envelope(0, '{"a":"é"}'), envelope(0, '{}'), envelope(2, '{"error":{"code":"x"}}')];
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => {
      all.set(part, at);
      return at + part.length;
    }, 0);
    for (let cut = 0; cut <= all.length; ++cut) {
      const reader = new EnvelopeReader();
      same([...reader.push(all.subarray(0, cut)), ...reader.push(all.subarray(cut))], [
        {end: false, body: {a: 'é'}}, {end: false, body: {}},
        {end: true, body: {error: {code: 'x'}}}
      ]);
    }
    const reader = new EnvelopeReader(), found = [];
    for (const byte of all) found.push(...reader.push(new Uint8Array([byte])));
    same(found.length, 3);
  });
  await test('an error has the reason of its ErrorInfo', () => {
    const error = readError({
      code: 'failed_precondition',
      message: 'moved',
      details: [
        {type: 'google.rpc.RetryInfo', debug: {retryDelay: '3s'}},
        {type: 'google.rpc.ErrorInfo', debug: {reason: 'BOOK_MOVED', metadata: {peer_id: '4'}}}
      ]
    });
    same(
        [error.code, error.reason, error.metadata, error.message],
        ['failed_precondition', 'BOOK_MOVED', {peer_id: '4'}, 'moved']);
    same(readError({}).code, 'unknown');
    same(readError(null).reason, '');
  });
  await test('a call that the server does not have fails', async () => {
    const rpc = new Rpc({token: () => 'T'.repeat(43), signedOut: () => {}});
    const error = await rpc.call('PeerService/NoSuchCall').catch((thrown) => thrown);
    same(error.code, 'unimplemented');
  });
  await test('a long stream leaves the browser time to draw', async () => {
    const message = envelope(0, '{}'), before = globalThis.fetch;
    let read = 0, ended = false, drawn = 0;
    globalThis.fetch = async () => new Response(new ReadableStream({
      // All of it is there at once, and each message is work.
      pull: (stream) => ended ? stream.enqueue(envelope(2, '{}')) : stream.enqueue(message)
    }));
    try {
      const rpc = new Rpc({token: () => '', signedOut: () => {}});
      setTimeout(() => drawn = read, 0);
      for await (const _ of rpc.stream('PeerService/WatchOwn', {}, new AbortController().signal)) {
        ++read;
        const end = performance.now() + 5;
        while (performance.now() < end) continue;
        ended = drawn > 0 || read === 200;
      }
    } finally {
      globalThis.fetch = before;
    }
    same(drawn > 0, true, 'the timer ran before the stream ended');
  });
  await test('a wrong token signs out with the reason of the server', async () => {
    const said = [];
    const rpc = new Rpc({token: () => 'wrong', signedOut: (token, why) => said.push([token, why])});
    const error = await rpc.call('PeerService/GetStatus').catch((thrown) => thrown);
    same([error.code, error.reason], ['unauthenticated', 'SIGN_IN_NEEDED']);
    same(said, [['wrong', 'unknown']]);
  });
}
