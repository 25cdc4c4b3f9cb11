"""HTTP/2 as an attacker uses it: frames in any order, from an address of its choice.

A library would keep an attacker within the rules of the protocol. RFC 9113 has the frames, RFC 7541 the
headers; gRPC's own framing is in its PROTOCOL-HTTP2.md."""

import collections
import contextlib
import itertools
import socket
import struct
import threading

import hpack

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK, PADDED, PRIORITY = 1, 4, 1, 8, 32
INITIAL_WINDOW_SIZE = 4  # a setting
MOST_WINDOW = (1 << 31) - 1
FIRST_WINDOW = 65_535  # of a connection and of each stream, until the other side grants more
MOST_FRAME = 16_384
CANCEL = struct.pack(">I", 8)
CONNECT_SECONDS = 5
RECONNECT_SECONDS = 0.01
# Ends of calls that have no status of gRPC.
RESET, CUT = "reset", "connection cut"
BEGUN = "begun"
NAMES = ("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
         "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
         "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED")


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _integer(value):
    """An integer of RFC 7541, 5.1, with a prefix of 7 bits."""
    if value < 127:
        return bytes([value])
    value, out = value - 127, b"\x7f"
    while value >= 128:
        out, value = out + bytes([value % 128 + 128]), value // 128
    return out + bytes([value])


def field(name, value):
    """A header that no table remembers, so that a block can be sent again and again."""
    return b"\0" + b"".join(_integer(len(text)) + text for text in (name.encode(), value.encode()))


def call_headers(path, metadata=()):
    """The header block of a gRPC call."""
    return b"\x83\x86" + b"".join(field(*pair) for pair in (
        (":path", path), (":authority", "x"), ("content-type", "application/grpc"), ("te", "trailers"),
        *metadata))


def framed(message, compressed=False):
    """A message, or the bytes of one, as gRPC frames it."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return bytes([compressed]) + struct.pack(">I", len(data)) + data


class Refused(ConnectionError):
    """A call had another end than an answer."""


class Stream:
    """One call. Guarded by the connection's condition."""

    def __init__(self, window, on_end):
        self.window, self.on_end = window, on_end
        self.received, self.status, self.ended = bytearray(), None, False

    def messages(self):
        """The complete messages so far."""
        out, at = [], 0
        while at + 5 <= len(self.received):
            end = at + 5 + int.from_bytes(self.received[at + 1:at + 5], "big")
            if end > len(self.received):
                break
            out.append(bytes(self.received[at + 5:end]))
            at = end
        return out


class Connection:
    """A connection to "IP:PORT" from the IP address `source`. A thread reads what comes.

    `window` is what each stream grants to the server, in bytes; with 0, no answer can be sent. Without
    `polite`, the server's settings are never acknowledged. `keep` keeps what is received. Thread-safe."""

    def __init__(self, target, source, window=MOST_WINDOW, polite=True, keep=True):
        host, port = target.rsplit(":", 1)
        self._polite, self._keep, self._grants = polite, keep, window > 0
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._streams, self._next = {}, 1
        self._window, self._first_window = FIRST_WINDOW, FIRST_WINDOW
        self._headers, self._decoder = None, hpack.Decoder()
        self.alive, self.received_bytes, self._counts = True, 0, collections.Counter()
        self._socket = socket.create_connection((host, int(port)), CONNECT_SECONDS, (source, 0))
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                   + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window)))
        if self._grants:
            self._grant(MOST_WINDOW - FIRST_WINDOW)
        threading.Thread(target=self._read, daemon=True).start()

    def write(self, data):
        """Sends bytes as they are. OSError when the connection is cut."""
        with self._writing:
            self._socket.sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def open(self, path, metadata=(), on_end=None):
        """Begins a call; `on_end(status)` is called once, by the thread that reads."""
        with self._writing:
            with self._changed:
                number, self._next = self._next, self._next + 2
                self._streams[number] = Stream(self._first_window, on_end)
            self._socket.sendall(frame(HEADERS, END_HEADERS, number, call_headers(path, metadata)))
        return number

    def send(self, number, data, last=True):
        """Sends framed messages within the windows that the server grants."""
        at = 0
        while at < len(data):
            with self._changed:
                stream = self._streams.get(number)
                self._changed.wait_for(lambda s=stream: not self.alive or s is None or s.ended or
                                       min(self._window, s.window) > 0)
                if stream is None or stream.ended or not self.alive:
                    return
                size = min(MOST_FRAME, len(data) - at, self._window, stream.window)
                self._window, stream.window = self._window - size, stream.window - size
            end = last and at + size == len(data)
            self.write(frame(DATA, END_STREAM if end else 0, number, data[at:at + size]))
            at += size

    def begin(self, path, message, metadata=(), on_end=None, compressed=False):
        """Begins a call with its one message; returns its number."""
        if compressed:
            metadata = (*metadata, ("grpc-encoding", "gzip"))
        number = self.open(path, metadata, on_end)
        self.send(number, framed(message, compressed))
        return number

    def call(self, path, message, answer, metadata=(), seconds=10):
        """A unary call: the answer, or Refused."""
        number = self.begin(path, message, metadata)
        stream = self._streams[number]  # Which `keep` keeps.
        with self._changed:
            self._changed.wait_for(lambda: stream.ended or not self.alive, seconds)
        messages = stream.messages()
        if stream.status != "OK" or not messages:
            raise Refused(f"{path}: {stream.status}")
        return answer.FromString(messages[0])

    def wait_message(self, number, seconds=10):
        """Waits until a stream has received a complete message; returns whether it has."""
        stream = self._streams[number]
        with self._changed:
            self._changed.wait_for(lambda: stream.messages() or stream.ended or not self.alive, seconds)
            return bool(stream.messages())

    def is_open(self, number):
        """Whether a call goes on."""
        with self._changed:
            return number in self._streams and not self._streams[number].ended

    def statuses(self):
        """How many calls have ended with which status, and how many have begun."""
        with self._changed:
            return collections.Counter({BEGUN: self._next // 2, **self._counts})

    # --- The thread that reads ---

    def _read(self):
        try:
            with self._socket.makefile("rb", 1 << 17) as source:
                while len(head := source.read(9)) == 9:
                    payload = source.read(int.from_bytes(head[:3], "big"))
                    self._take(head[3], head[4], int.from_bytes(head[5:], "big") & MOST_WINDOW, payload)
        except (OSError, ValueError, hpack.HPACKError):
            pass
        with self._changed:
            self.alive = False
            self._changed.notify_all()
            numbers = list(self._streams)
        for number in numbers:
            self._end(number, CUT)

    def _take(self, kind, flags, number, payload):
        if kind == DATA:
            self._take_data(number, payload)
            if flags & END_STREAM:
                self._end(number, CUT)
        elif kind in (HEADERS, CONTINUATION):
            self._headers = payload if kind == HEADERS else self._headers + payload
            if kind == HEADERS:
                self._ends = flags & END_STREAM
            if flags & END_HEADERS:
                headers = dict(self._decoder.decode(self._headers))
                if self._ends:
                    code = headers.get("grpc-status", "2")
                    self._end(number, NAMES[int(code)])
        elif kind == RST_STREAM:
            self._end(number, RESET)
        elif kind == SETTINGS and not flags & ACK:
            self._take_settings(payload)
        elif kind == PING and not flags & ACK:
            self.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            more = int.from_bytes(payload, "big")
            with self._changed:
                if number == 0:
                    self._window += more
                elif number in self._streams:
                    self._streams[number].window += more
                self._changed.notify_all()

    def _take_data(self, number, payload):
        self.received_bytes += len(payload)
        if self._grants:
            self._grant(len(payload))
        stream = self._streams.get(number)
        if stream is not None and self._keep:
            with self._changed:
                stream.received += payload
                self._changed.notify_all()

    def _take_settings(self, payload):
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at:at + 6])
            if name == INITIAL_WINDOW_SIZE:
                with self._changed:
                    for stream in self._streams.values():
                        stream.window += value - self._first_window
                    self._first_window = value
                    self._changed.notify_all()
        if self._polite:
            self.write(frame(SETTINGS, ACK, 0))

    def _grant(self, size):
        if size > 0:
            self.write(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", size)))

    def _end(self, number, status):
        with self._changed:
            stream = self._streams.get(number)
            if stream is None or stream.ended:
                return
            stream.status, stream.ended = status, True
            self._counts[status] += 1
            if not self._keep:
                del self._streams[number]
            self._changed.notify_all()
        if stream.on_end is not None:
            stream.on_end(status)


def for_each(items, action):
    """Runs `action(item)` in a thread for each; one whose connection is cut ends quietly."""
    def quietly(item):
        with contextlib.suppress(OSError):
            action(item)
    for item in items:
        threading.Thread(target=quietly, args=(item,), daemon=True).start()


def again_and_again(connect, action, until, count=4):
    """Runs `action(connection)` in `count` threads, over a new connection whenever one is cut.

    Returns how many connections there were."""
    begun = itertools.count()

    def one(_):
        while until.is_ahead():
            with contextlib.suppress(OSError):
                connection = connect(keep=False)
                next(begun)
                action(connection)
            until.wait(RECONNECT_SECONDS)
    for_each(range(count), one)
    until.wait()
    return next(begun)


def statuses(connections):
    """How many calls of these connections have ended with which status, and how many have begun."""
    return sum((connection.statuses() for connection in connections), start=collections.Counter())


def flood(connections, path, make_message, in_flight, until, metadata=()):
    """Keeps `in_flight` calls open on each connection until then; `make_message()` is the next message."""
    def one(connection):
        free = threading.Semaphore(in_flight)
        while connection.alive and until.is_ahead():
            if free.acquire(timeout=0.05):
                connection.begin(path, make_message(), metadata, lambda _: free.release())
    for_each(connections, one)
    until.wait()
    return told(statuses(connections))


def told(counts):
    """Figures of how calls have ended."""
    return {f"calls {status}": count for status, count in sorted(counts.items())}
