#!/usr/bin/python3
"""Every call of the page by another client of the Connect protocol, connect-go, against real programs.

The client is built from tests/web/connect. Skipped where there is no Go, or its modules cannot be had.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest
import urllib.request

from browser import until
from peers import BIN, FOLDER, Peer, Program, free_port
from arkshare_test_client import index_pb2, peer_pb2

SOURCE = pathlib.Path(__file__).resolve().parent / "connect"
SKIPPED = 77
ID = "AAAAAAAAAAAAAAAAAAAAAA=="  # of no transfer
ROOT = "A" * 43 + "="
NEVER = ("Share", "Shutdown", "ExportTls", "OpenPage", "ClosePage")
PAGE_OF_INDEX = ("Search", "ListPeers", "ListBooks", "Watch")


def build_client():
    """Returns the program; ends the test as skipped where it cannot be built here."""
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        print("SKIPPED: not installed: go (apt-get install golang-go)")
        sys.exit(SKIPPED)
    home = os.environ.get("HOME") or str(pathlib.Path(BIN).parent)
    environment = {**os.environ, "HOME": home, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly",
                   "CGO_ENABLED": "0"}
    got = subprocess.run([go, "mod", "download"], cwd=SOURCE, env=environment, text=True,
                         capture_output=True, timeout=120)
    if got.returncode != 0:
        print(f"SKIPPED: the modules of connect-go cannot be had here: {got.stderr.strip()}")
        sys.exit(SKIPPED)
    program = pathlib.Path(FOLDER.name) / "connect-client"
    subprocess.run([go, "build", "-o", str(program), "."], cwd=SOURCE, env=environment, check=True)
    return program


class ConnectTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.program = build_client()
        index = Program("arkshare-index", "--listen", "127.0.0.1:0")
        cls.stack.callback(index.end)
        address = f"127.0.0.1:{free_port()}"
        cls.owner = Peer(index.address, "owner", {"own.txt": "own", "gone.txt": "gone"}, "--web", address)
        cls.lender = Peer(index.address, "lender", {"lent.txt": "l" * 5000}, "--policy", "copy")
        for peer in (cls.owner, cls.lender):
            cls.stack.callback(peer.program.end)
        until(lambda: cls.owner.run("search", "--name", "lent.txt").returncode == 0, "the books are listed")
        until(lambda: cls.lender.run("search", "--name", "own.txt").returncode == 0, "the books are listed")
        url, code = cls.owner.open_url().split("#/open=")
        request = urllib.request.Request(f"{url}session", data=json.dumps({"code": code}).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            cls.token = json.load(answer)["token"]
        cls.address = url.removeprefix("http://").rstrip("/")

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def calls(self, *calls):
        """Makes calls, one after the other, and returns their results."""
        done = subprocess.run([str(self.program), self.address, self.token], text=True, capture_output=True,
                              timeout=120, input="".join(json.dumps(call) + "\n" for call in calls))
        self.assertEqual(done.returncode, 0, done.stderr)
        results = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(results), len(calls))
        return results

    def call(self, name, body=None, **more):
        return self.calls({"call": name, "body": body or {}, **more})[0]

    def answer(self, name, body=None):
        """The answer of a unary call of PeerService that succeeds."""
        result = self.call(f"PeerService/{name}", body)
        self.assertEqual(result["code"], "", result["message"])
        return result["messages"][0]

    def fails(self, name, body, code, reason):
        result = self.call(f"PeerService/{name}", body)
        self.assertEqual((result["code"], result["reason"], result["messages"]), (code, reason, []), name)
        self.assertNotEqual(result["message"], "")

    # By the name of the call: what it is asked, and what must come of it.
    def call_GetStatus(self):
        status = self.answer("GetStatus")
        self.assertEqual((status["peerId"], status["online"]), (1, True))
        self.assertIsInstance(status["bookBytes"], str)  # 64 bits

    def call_WatchOwn(self):
        result = self.call("PeerService/WatchOwn", {"status": True}, stream=True, messages=1)
        self.assertEqual(result["code"], "canceled")
        self.assertEqual(result["messages"][0]["status"]["peerId"], 1)
        self.assertIs(result["messages"][0]["snapshotComplete"], True)

    def call_ListLibrary(self):
        first = self.answer("ListLibrary", {"pageSize": 1})
        self.assertEqual(len(first["entries"]), 1)
        rest = self.answer("ListLibrary", {"pageToken": first["nextPageToken"]})
        names = [entry["name"] for entry in first["entries"] + rest["entries"]]
        self.assertEqual(sorted(names), names)
        self.assertIn("own.txt", names)
        self.fails("ListLibrary", {"pageToken": "none"}, "invalid_argument", "PAGE_TOKEN_INVALID")

    def call_HasBooks(self):
        own = self.answer("ListLibrary", {"name": "own.txt"})["entries"][0]["listing"]["content"]
        results = self.answer("HasBooks", {"contents": [own, {"root": ROOT, "sizeBytes": "7"}]})["results"]
        self.assertEqual(results, [{"here": True, "name": "own.txt"}, {}])

    def call_Fetch(self):
        result = self.call("PeerService/Fetch", {"name": "no such book"}, stream=True)
        self.assertEqual((result["code"], result["reason"]), ("not_found", "BOOK_NOT_FOUND"))

    def call_FetchMany(self):
        result = self.call("PeerService/FetchMany", {"wishes": [{"name": "lent.txt"}, {"name": "none"}]},
                           stream=True)
        self.assertEqual(result["code"], "", result["message"])
        last = {update.get("index", 0): update["transfer"] for message in result["messages"]
                for update in message.get("updates", [])}
        self.assertEqual(last[0]["state"], "TRANSFER_STATE_DONE")
        self.assertEqual(last[1]["error"]["reason"], "BOOK_NOT_FOUND")
        self.assertEqual((self.owner.folder / "lent.txt").read_text(), "l" * 5000)

    def call_Unshare(self):
        results = self.answer("Unshare", {"names": ["gone.txt", "none"]})["results"]
        self.assertEqual(results[0], {"name": "gone.txt"})
        self.assertIn("reason", results[1]["error"])

    def call_ListTransfers(self):
        states = {one["name"]: one["state"] for one in self.answer("ListTransfers").get("transfers", [])}
        self.assertEqual(states.get("lent.txt"), "TRANSFER_STATE_DONE")

    def call_KeepTransfer(self):
        self.fails("KeepTransfer", {"transferId": ID}, "not_found", "TRANSFER_UNKNOWN")

    def call_PlaceTransfer(self):
        self.fails("PlaceTransfer", {"transferId": ID, "name": "a"}, "not_found", "TRANSFER_UNKNOWN")

    def batch(self, name):
        results = self.answer(name, {"transferIds": [ID]})["results"]
        self.assertEqual([(one["transferId"], one["error"]["reason"]) for one in results],
                         [(ID, "TRANSFER_UNKNOWN")])
        self.fails(name, {"transferIds": []}, "invalid_argument", "INVALID_FIELD")

    def call_CancelTransfers(self):
        self.batch("CancelTransfers")

    def call_ForgetTransfers(self):
        self.batch("ForgetTransfers")

    def call_RetryTransfers(self):
        self.batch("RetryTransfers")

    def call_ListUploads(self):
        self.assertEqual(self.answer("ListUploads"), {})

    def call_ListHistory(self):
        entry = self.answer("ListHistory", {"pageSize": 1})["entries"][0]
        self.assertEqual((entry["kind"], entry["name"]), ("HISTORY_KIND_COPIED", "lent.txt"))

    def call_AddWish(self):
        wish = self.answer("AddWish", {"keywords": "persuasion", "action": "WISH_ACTION_COPY"})["wish"]
        self.assertEqual((wish["keywords"], wish["action"], wish["fetchLimit"]),
                         ("persuasion", "WISH_ACTION_COPY", 1))
        self.fails("AddWish", {"keywords": "."}, "invalid_argument", "QUERY_EMPTY")

    def call_RemoveWish(self):
        wish = self.answer("AddWish", {"name": "Iliad.pdf"})["wish"]
        self.assertEqual(self.answer("RemoveWish", {"wishId": wish["wishId"]}), {})
        self.fails("RemoveWish", {"wishId": wish["wishId"]}, "not_found", "WISH_UNKNOWN")

    def call_ListWishes(self):
        self.assertEqual([wish["keywords"] for wish in self.answer("ListWishes")["wishes"]], ["persuasion"])

    def call_SetLimits(self):
        # 64-bit numbers are text, and a number is understood.
        self.assertEqual(self.answer("SetLimits", {"uploadLimit": "9007199254740993"}),
                         {"uploadLimit": "9007199254740993"})
        self.assertEqual(self.answer("SetLimits", {"uploadLimit": 0}), {})

    def call_ListLimbo(self):
        self.assertEqual(self.answer("ListLimbo"), {})

    def call_RestoreLimbo(self):
        self.fails("RestoreLimbo", {"transferId": ID}, "not_found", "TRANSFER_UNKNOWN")

    def call_ListPageSessions(self):
        sessions = self.answer("ListPageSessions")["sessions"]
        self.assertIn("Python-urllib", sessions[0]["userAgent"])

    def call_EndPageSession(self):
        self.assertEqual(self.answer("EndPageSession", {"sessionId": "AAAAAAAAAAA="}), {})

    def call_OpenBook(self):
        opened = self.answer("OpenBook", {"name": "own.txt"})
        self.assertEqual((opened["mediaType"], opened["inline"], opened["sizeBytes"]),
                         ("text/plain; charset=utf-8", True, "3"))
        port = self.address.rsplit(":", 1)[1]
        request = urllib.request.Request(f"http://{self.address}{opened['path']}",
                                         headers={"Host": f"localhost:{port}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            self.assertEqual(answer.read(), b"own")

    def call_Search(self):
        found = self.call("IndexService/Search", {"keywords": "own"})["messages"][0]["results"]
        self.assertEqual([(one["name"], one["holders"][0]["peerId"]) for one in found], [("own.txt", 1)])

    def call_ListPeers(self):
        peers = self.call("IndexService/ListPeers")["messages"][0]["peers"]
        self.assertEqual([(one["peerId"], one["policy"]) for one in peers],
                         [(1, "SHARE_POLICY_MOVE"), (2, "SHARE_POLICY_COPY")])

    def call_ListBooks(self):
        listings = self.call("IndexService/ListBooks", {"peerId": 2})["messages"][0]["listings"]
        self.assertEqual([one["name"] for one in listings], ["lent.txt"])

    def call_Watch(self):
        result = self.call("IndexService/Watch", {"keywords": "own", "changesOnly": True}, stream=True,
                           messages=1)
        self.assertEqual(result["code"], "canceled")
        self.assertIn("snapshotComplete", result["messages"][0])

    def test_every_call(self):
        peer = peer_pb2.DESCRIPTOR.services_by_name["PeerService"].methods
        index = index_pb2.DESCRIPTOR.services_by_name["IndexService"].methods
        for method in [*peer, *index]:
            service = method.containing_service.name
            allowed = method.name not in NEVER if service == "PeerService" else method.name in PAGE_OF_INDEX
            with self.subTest(method.name):
                if allowed:
                    getattr(self, f"call_{method.name}")()
                elif not method.client_streaming:
                    result = self.call(f"{service}/{method.name}", stream=method.server_streaming)
                    self.assertEqual((result["code"], result["reason"]),
                                     ("permission_denied", "NOT_FROM_A_PAGE"), result["message"])

    def test_a_wrong_token_and_a_call_that_is_not_there(self):
        wrong, missing = self.calls({"call": "PeerService/GetStatus", "body": {}, "token": "A" * 43},
                                    {"call": "PeerService/NoSuchCall", "body": {}})
        self.assertEqual((wrong["code"], wrong["reason"]), ("unauthenticated", "SIGN_IN_NEEDED"))
        self.assertEqual(missing["code"], "unimplemented")
        stream = self.call("PeerService/WatchOwn", stream=True, token="A" * 43)
        self.assertEqual(stream["code"], "unauthenticated")

    def test_a_deadline_ends_a_stream(self):
        result = self.call("PeerService/WatchOwn", {"status": True}, stream=True, timeout_ms=1000)
        self.assertEqual(result["code"], "deadline_exceeded")
        self.assertGreaterEqual(len(result["messages"]), 1)

    def test_streams_that_are_cancelled_end_in_the_peer_too(self):
        """The peer has 16 of these streams, so more of them can begin only when others have ended."""
        for _ in range(40):
            until(lambda: self.call("PeerService/WatchOwn", {"status": True}, stream=True,
                                    messages=1)["code"] == "canceled", "another stream")


if __name__ == "__main__":
    sys.exit(0 if unittest.main(exit=False, verbosity=2).result.wasSuccessful() else 1)
