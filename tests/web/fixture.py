"""A peer for tests of the web page: it serves the real files with the headers of the real server, and
answers the calls from tables that a test changes.

It is a program of the tests only: it checks no Host and moves no books.
"""

import base64
import gzip
import hashlib
import http.server
import json
import os
import pathlib
import queue
import socketserver
import threading
import urllib.parse

PAGE = pathlib.Path(__file__).resolve().parents[2] / "services/peer/web/page"
# The same pages as the programs carry them. Not there when they were built without esbuild.
SERVICES = pathlib.Path(os.environ.get("ARKSHARE_BIN", "bin")).parent / "services"
BUILT_PAGE = SERVICES / "peer/web/arkshare_peer_page.page"
BUILT_OVERVIEW = SERVICES / "index/overview/arkshare_index_page.page"
CODE = "AAAAAAAAAAAAAAAAAAAAAA"
TOKEN = "T" * 43
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
                               "connect-src 'self'; img-src 'self' blob:; media-src 'self'; "
                               "frame-src 'self'; base-uri 'none'; form-action 'none'; "
                               "frame-ancestors 'none'; require-trusted-types-for 'script'; "
                               "trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript",
         ".svg": "image/svg+xml"}
STATUS_OF = {"unauthenticated": 401, "permission_denied": 403, "unimplemented": 404, "not_found": 404,
             "already_exists": 409, "failed_precondition": 400, "unavailable": 503}
PAGE_SIZE = 1000


def root_of(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def content_of(name, size):
    return {"root": root_of(name), "sizeBytes": str(size)}


def id_of(text):
    return base64.b64encode(hashlib.md5(text.encode()).digest()).decode()


class CallError(Exception):
    """An error that a call returns."""

    def __init__(self, code, message, reason="", metadata=None):
        super().__init__(message)
        self.body = {"code": code, "message": message}
        if reason:
            self.body["details"] = [{"type": "google.rpc.ErrorInfo", "value": "", "debug": {
                "reason": reason, "domain": "arkshare", "metadata": metadata or {}}}]
        self.status = STATUS_OF.get(code, 500)


class FakePeer:
    """A peer and its index, as far as the page sees them. Thread-safe."""

    KINDS = {"library": "libraryGone", "transfers": "transfersForgotten", "uploads": "uploadsEnded",
             "limbo": "limboGone", "wishes": "wishesGone"}
    KEYS = {"library": "path", "transfers": "transferId", "uploads": "uploadId",
            "limbo": "transferId", "wishes": "wishId"}

    def __init__(self):
        self.lock = threading.Lock()
        self.down = False
        self.boot_id = id_of("boot 1")
        self.tables = {kind: {} for kind in self.KINDS}
        self.status = {"peerId": 5, "publicKey": root_of("peer 5"), "address": "192.0.2.5:4000",
                       "listenAddress": "0.0.0.0:4000", "indexAddress": "192.0.2.1:50051",
                       "online": True, "policy": "SHARE_POLICY_MOVE", "shareFolder": "/srv/books",
                       "uploadSlots": 8, "version": "0.1.0", "freeDiskBytes": str(212 << 30)}
        self.results = []
        self.peers = []
        self.books = {}
        self.index_down = False
        self.own_watchers = set()
        self.index_watchers = set()
        self.calls = []

    def put(self, kind, rows, gone=()):
        """Adds or replaces rows, and tells the streams."""
        with self.lock:
            table = self.tables[kind]
            for row in rows:
                table[row[self.KEYS[kind]]] = row
            for key in gone:
                table.pop(key, None)
            message = {kind: list(rows)} if rows else {}
            if gone:
                message[self.KINDS[kind]] = list(gone)
            if kind == "library":
                message["status"] = self.status_now()
            for watcher in self.own_watchers:
                watcher.put(message)

    def tell_status(self, **changes):
        with self.lock:
            self.status.update(changes)
            for watcher in self.own_watchers:
                watcher.put({"status": self.status_now()})

    def tell_index(self, event):
        with self.lock:
            for watcher in self.index_watchers:
                watcher.put(event)

    def go_down(self):
        """Ends all streams, and refuses calls."""
        with self.lock:
            self.down = True
            for watcher in self.own_watchers | self.index_watchers:
                watcher.put(None)

    def status_now(self):
        library = self.tables["library"]
        return {**self.status, "bookCount": str(len(library)),
                "bookBytes": str(sum(int(row.get("sizeBytes", 0)) for row in library.values())
                                 if len(library) < 10000 else 84 << 30),
                "limboCount": str(len(self.tables["limbo"]))}

    def unary(self, call, body):
        with self.lock:
            self.calls.append((call, body))
            handler = getattr(self, "call_" + call.split("/")[1], None)
            if handler is None:
                raise CallError("unimplemented", "This server has no such call.")
            if call.startswith("IndexService/") and self.index_down:
                raise CallError("unavailable", "the index does not answer", "INDEX_UNREACHABLE")
            return handler(body)

    def call_GetStatus(self, _):
        return self.status_now()

    def call_ListLibrary(self, body):
        at = int(body.get("pageToken") or 0)
        rows = list(self.tables["library"].values())
        page = {"entries": rows[at:at + PAGE_SIZE]}
        if at + PAGE_SIZE < len(rows):
            page["nextPageToken"] = str(at + PAGE_SIZE)
        return page

    def call_ListTransfers(self, _):
        return {"transfers": list(self.tables["transfers"].values())}

    def call_ListUploads(self, _):
        return {"uploads": list(self.tables["uploads"].values())}

    def call_ListLimbo(self, _):
        return {"entries": list(self.tables["limbo"].values())}

    def call_SetLimits(self, body):
        self.status.update(body)
        for watcher in self.own_watchers:
            watcher.put({"status": self.status_now()})
        return body

    def call_ListPageSessions(self, _):
        return {"sessions": [{"sessionId": "czE=", "userAgent": "Chrome/156"},
                             {"sessionId": "czI=", "userAgent": "Firefox/140",
                              "lastUseTime": "2026-11-28T10:00:00Z"}]}

    def call_ListHistory(self, _):
        return {"entries": [{"kind": "HISTORY_KIND_RECEIVED", "transferId": id_of("h1"),
                             "name": "Moby Dick.epub", "content": content_of("Moby", 900000),
                             "publicKey": root_of("peer 3"), "time": "2026-11-29T10:00:00Z"}]}

    def call_ListWishes(self, _):
        return {"wishes": list(self.tables["wishes"].values())}

    def call_AddWish(self, body):
        wish = {"wishId": id_of(str(body)), **body, "watched": True}
        self.tables["wishes"][wish["wishId"]] = wish
        for watcher in self.own_watchers:
            watcher.put({"wishes": [wish]})
        return {"wish": wish}

    def call_ForgetTransfers(self, body):
        for key in body["transferIds"]:
            self.tables["transfers"].pop(key, None)
        for watcher in self.own_watchers:
            watcher.put({"transfersForgotten": body["transferIds"]})
        return {"results": [{"transferId": key} for key in body["transferIds"]]}

    def call_CancelTransfers(self, body):
        return {"results": [{"transferId": key} for key in body["transferIds"]]}

    def call_RetryTransfers(self, body):
        again = [{**self.tables["transfers"][key], "state": "TRANSFER_STATE_FETCHING", "error": None}
                 for key in body["transferIds"]]
        for row in again:
            self.tables["transfers"][row["transferId"]] = row
        for watcher in self.own_watchers:
            watcher.put({"transfers": again})
        return {"results": [{"transferId": key, "newTransferId": key} for key in body["transferIds"]]}

    def call_RemoveWish(self, body):
        self.tables["wishes"].pop(body["wishId"])
        for watcher in self.own_watchers:
            watcher.put({"wishesGone": [body["wishId"]]})
        return {}

    def call_Search(self, body):
        words = body.get("keywords", "").lower().split()
        found = [row for row in self.results if all(word in row["name"].lower() for word in words)]
        return {"results": found[:body.get("pageSize", 50)]}

    def call_ListPeers(self, body):
        return {"peers": [peer for peer in self.peers
                          if body.get("peerId") in (None, peer["peerId"])]}

    def call_ListBooks(self, body):
        return {"listings": self.books.get(body["peerId"], [])}

    def stream(self, call, body):
        """Generates the messages of a stream; raises CallError."""
        with self.lock:
            self.calls.append((call, body))
        if call == "PeerService/WatchOwn":
            yield from self.watch_own()
        elif call == "IndexService/Watch":
            yield {"event": None, "snapshotComplete": {}, "revision": "1"}
            yield from self.follow(self.index_watchers)
        elif call == "PeerService/FetchMany":
            yield self.fetch_many(body["wishes"])
        else:
            raise CallError("unimplemented", "This server has no such call.")

    def watch_own(self):
        watcher = queue.Queue()
        with self.lock:
            self.own_watchers.add(watcher)
            rows = {kind: list(table.values()) for kind, table in self.tables.items()}
            status = self.status_now()
        try:
            yield {"bootId": self.boot_id, "status": status}
            for kind, all_rows in rows.items():
                for at in range(0, len(all_rows), PAGE_SIZE):
                    yield {kind: all_rows[at:at + PAGE_SIZE]}
            yield {"snapshotComplete": True}
            yield from self.drain(watcher)
        finally:
            with self.lock:
                self.own_watchers.discard(watcher)

    def follow(self, watchers):
        watcher = queue.Queue()
        with self.lock:
            watchers.add(watcher)
        try:
            yield from self.drain(watcher)
        finally:
            with self.lock:
                watchers.discard(watcher)

    def drain(self, watcher):
        """An empty message every second is the chance to notice that the reader is gone."""
        while not self.down:
            try:
                message = watcher.get(timeout=1)
            except queue.Empty:
                yield {}
                continue
            if message is None:
                return
            yield message

    def fetch_many(self, wishes):
        updates = []
        for index, wish in enumerate(wishes):
            transfer = {"transferId": id_of("t" + wish["name"]), "name": wish["name"],
                        "content": wish["content"], "state": "TRANSFER_STATE_FETCHING",
                        "fromPeerId": wish.get("fromPeerId", 3), "moving": not wish.get("copyOnly"),
                        "startTime": "2026-11-30T10:00:00Z"}
            if wish["name"].startswith("taken"):
                transfer.update(state="TRANSFER_STATE_FAILED", transferId="", error={
                    "code": 6, "reason": "NAME_TAKEN", "message": "another file has the name"})
            else:
                self.put("transfers", [transfer])
            updates.append({"index": index, "transfer": transfer})
        return {"updates": updates}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        path = "/index.html" if path == "/" else path
        for folder, prefix in ((self.server.page, "/"), (pathlib.Path(__file__).parent, "/tests/")):
            file = (folder / path.removeprefix(prefix)).resolve()
            if path.startswith(prefix) and file.is_file() and folder in file.parents:
                body = gzip.compress(file.read_bytes(), 9, mtime=0)
                self.server.bytes_sent[path] = len(body)
                self.answer(200, body, TYPES.get(file.suffix, "text/plain"),
                            {"Content-Encoding": "gzip", "Cache-Control": "no-cache"})
                return
        self.answer(204 if path == "/favicon.ico" else 404, b"", "text/plain")

    def do_DELETE(self):
        self.answer(204, b"", "text/plain")

    def do_PUT(self):
        name = urllib.parse.unquote(self.path.removeprefix("/books/"))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.peer.put("library", [{"path": id_of(name), "name": name, "sizeBytes": str(len(body)),
                                          "listing": {"listingNumber": "1", "name": name,
                                                      "content": content_of(name, len(body))}}])
        self.reply(201, {"name": name})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/session":
            if json.loads(body)["code"] == CODE:
                self.reply(200, {"token": TOKEN, "bootId": "00", "sessionId": "czE="})
            else:
                self.reply(403, CallError("permission_denied", "run arkshare-cli web",
                                          "PAGE_CODE_INVALID").body)
            return
        peer = self.server.peer
        if peer.down:
            self.close_connection = True
            return
        try:
            wanted = self.server.token and f"Bearer {self.server.token}"  # None: an index
            if self.headers.get("Authorization") != wanted:
                raise CallError("unauthenticated", "sign in", "SIGN_IN_NEEDED", {"why": "unknown"})
            call = self.path.removeprefix("/arkshare.v1.")
            if self.headers["Content-Type"] == "application/json":
                self.reply(200, peer.unary(call, json.loads(body)))
            else:
                self.send_stream(peer.stream(call, json.loads(body[5:])))
        except CallError as error:
            self.reply(error.status, error.body)

    def send_stream(self, messages):
        first = next(messages, None)  # an error comes before the headers
        self.send_response(200)
        self.send_header("Content-Type", "application/connect+json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for message in (first, *()) if first is not None else ():
                self.send_envelope(0, message)
            for message in messages:
                self.send_envelope(0, message)
            if self.server.peer.down:
                self.close_connection = True  # broken, not ended
                self.connection.close()
                return
            self.send_envelope(2, {})
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
        finally:
            messages.close()

    def send_envelope(self, flags, message):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        part = bytes([flags]) + len(body).to_bytes(4, "big") + body
        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.flush()

    def reply(self, status, body):
        self.answer(status, json.dumps(body).encode(), "application/json", {"Cache-Control": "no-store"})

    def answer(self, status, body, content_type, headers=None):
        self.send_response(status)
        for name, value in {**HEADERS, **(headers or {}), "Content-Type": content_type,
                            "Content-Length": str(len(body))}.items():
            if status != 204 or name != "Content-Length":
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def log_message(self, *args):
        pass


class Fixture(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """The server of a FakePeer, at a free port."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, peer=None, page=PAGE):
        super().__init__(("127.0.0.1", 0), Handler)
        self.peer = peer or FakePeer()
        self.page = page.resolve()
        self.token = TOKEN
        self.bytes_sent = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a browser that goes away in the middle

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"

    @property
    def open_url(self):
        return f"{self.url}#/open={CODE}"
