#!/usr/bin/python3
"""The door of a peer's web page, as browsers and other programs of the machine meet it.

CTest runs it. It needs no browser: it speaks HTTP by itself.
"""

import base64
import gzip
import http.client
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cluster_test import eventually  # noqa: E402
from arkshare_test_client import BIN, FOLDER, WAIT, Program  # noqa: E402

JSON = {"Content-Type": "application/json"}


class Peer:
    """A peer with a page, and arkshare-cli for it."""

    def __init__(self, test, name, index, *options):
        self.folder = os.path.join(FOLDER.name, name)
        os.makedirs(self.folder, exist_ok=True)
        self.socket = f"unix:{FOLDER.name}/{name}.run/control.sock"
        self.arguments = ["arkshare-peer", "--index", index, "--listen", "127.0.0.1:0",
                          "--share", self.folder, "--control", self.socket, *options]
        self.test = test
        self.start()
        test.addCleanup(lambda: self.program.end())

    def start(self):
        self.program = Program(*self.arguments)
        found = re.search(r"^page address=(\S+)$", "\n".join(self.program.lines), re.MULTILINE)
        self.page = found[1] if found else None

    def cli(self, *arguments):
        return subprocess.run([os.path.join(BIN, "arkshare-cli"), "--peer", self.socket, *arguments],
                              capture_output=True, text=True, check=False)

    def code(self):
        """Asks for a new code as its owner does, and notes where the page is."""
        done = self.cli("web", "--print")
        self.test.assertEqual(done.returncode, 0, done.stderr)
        found = re.fullmatch(r"http://(127\.0\.0\.1:\d+)/#/open=([\w-]{22})\n", done.stdout)
        self.test.assertTrue(found, done.stdout)
        self.page = found[1]
        return found[2]

    def ask(self, method, path, body=None, headers=None):
        """Returns the status, the headers and the body of an answer."""
        connection = http.client.HTTPConnection(self.page, timeout=WAIT)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def sign_in(self):
        """Signs in, and returns the headers of later calls."""
        status, _, body = self.ask("POST", "/session", json.dumps({"code": self.code()}), JSON)
        self.test.assertEqual(status, 200, body)
        return {**JSON, "Authorization": "Bearer " + json.loads(body)["token"]}

    def call(self, method, request, headers, service="PeerService"):
        status, _, body = self.ask("POST", f"/arkshare.v1.{service}/{method}", json.dumps(request),
                                   headers)
        return status, json.loads(body)


class Stream:
    """A server stream of the Connect protocol."""

    def __init__(self, peer, method, request, headers, service="PeerService"):
        body = json.dumps(request).encode()
        self.connection = http.client.HTTPConnection(peer.page, timeout=WAIT)
        self.connection.request(
            "POST", f"/arkshare.v1.{service}/{method}", struct.pack(">BI", 0, len(body)) + body,
            {**headers, "Content-Type": "application/connect+json"})
        self.answer = self.connection.getresponse()

    def read(self):
        """Returns the flags and the message of the next envelope."""
        flags, size = struct.unpack(">BI", self.answer.read(5))
        return flags, json.loads(self.answer.read(size))

    def close(self):
        self.connection.close()


def reason_of(body):
    return body["details"][0]["debug"]["reason"]


class WebTest(unittest.TestCase):
    def setUp(self):
        self.index = Program("arkshare-index", "--listen", "127.0.0.1:0")
        self.addCleanup(self.index.end)

    def peer(self, *options):
        return Peer(self, f"{self.id().rsplit('.', 1)[1]}{len(os.listdir(FOLDER.name))}",
                    self.index.address, *options)

    def test_the_owner_signs_in_and_calls(self):
        peer = self.peer("--web", "127.0.0.1:0")
        with open(os.path.join(peer.folder, "a book.txt"), "w", encoding="utf-8") as file:
            file.write("text")
        address = peer.page
        headers = peer.sign_in()
        self.assertEqual(peer.page, address, "the page that was open from the start")
        self.assertTrue(eventually(
            lambda: peer.call("GetStatus", {}, headers)[1].get("online")))
        self.assertTrue(eventually(lambda: any(
            "listing" in entry
            for entry in peer.call("ListLibrary", {}, headers)[1].get("entries", []))))
        entry = peer.call("ListLibrary", {"name": "a book.txt"}, headers)[1]["entries"][0]
        self.assertEqual(entry["sizeBytes"], "4")
        self.assertEqual(len(base64.b64decode(entry["listing"]["content"]["root"])), 32)
        # The index, through the peer's own channel.
        self.assertTrue(eventually(lambda: peer.call(
            "Search", {"keywords": "book"}, headers, "IndexService")[1].get("results")))
        status, body = peer.call("ListLibrary", {"pageToken": "bad"}, headers)
        self.assertEqual((status, reason_of(body)), (400, "PAGE_TOKEN_INVALID"))

    def test_the_page_is_embedded(self):
        peer = self.peer("--web", "127.0.0.1:0")
        status, headers, body = peer.ask("GET", "/", headers={"Accept-Encoding": "gzip"})
        if status == 404:
            self.skipTest("SKIP: this build has no page (services/peer/web/page)")
        self.assertEqual(status, 200)
        self.assertIn("<html", gzip.decompress(body).decode().lower())
        again = peer.ask("GET", "/", headers={"Accept-Encoding": "gzip",
                                              "If-None-Match": headers["ETag"]})
        self.assertEqual((again[0], again[2]), (304, b""))

    def test_a_stream_follows_the_index(self):
        peer = self.peer()
        headers = peer.sign_in()
        stream = Stream(peer, "Watch", {}, headers, "IndexService")
        self.addCleanup(stream.close)
        seen = ""
        other = self.peer()
        with open(os.path.join(other.folder, "new book"), "w", encoding="utf-8") as file:
            file.write("new")
        while "new book" not in seen:
            flags, message = stream.read()
            self.assertEqual(flags, 0, message)
            seen += json.dumps(message)

    def test_strangers_stay_out(self):
        peer = self.peer()
        headers = peer.sign_in()
        port = peer.page.rsplit(":", 1)[1]
        cases = [
            ({**headers, "Host": f"evil.example:{port}"}, 421),
            ({**headers, "Origin": "http://evil.example"}, 403),
            ({**headers, "Origin": f"http://localhost:{port}"}, 403),
            ({**headers, "Sec-Fetch-Site": "cross-site"}, 403),
            ({**headers, "Content-Type": "text/plain"}, 415),
            ({**headers, "Content-Type": "application/x-www-form-urlencoded"}, 415),
            (JSON, 401),
            ({**JSON, "Authorization": "Bearer " + "A" * 43}, 401),
            # The other name of loopback is for books only.
            ({**headers, "Host": f"localhost:{port}"}, 421),
        ]
        for sent, expected in cases:
            status, answer, body = peer.ask("POST", "/arkshare.v1.PeerService/GetStatus", "{}", sent)
            self.assertEqual(status, expected, (sent, body))
            self.assertNotIn("Access-Control-Allow-Origin", answer)
            self.assertNotIn("Set-Cookie", answer)
        for method in ("Share", "Shutdown", "ExportTls", "OpenPage", "ClosePage"):
            status, body = peer.call(method, {}, headers)
            self.assertEqual((status, reason_of(body)), (403, "NOT_FROM_A_PAGE"), method)

    def test_a_code_works_once(self):
        peer = self.peer()
        code = peer.code()
        bodies = [peer.ask("POST", "/session", json.dumps({"code": code}), JSON) for _ in range(2)]
        self.assertEqual([body[0] for body in bodies], [200, 403])
        token = json.loads(bodies[0][2])["token"]
        status, body = peer.call("GetStatus", {}, {**JSON, "Authorization": "Bearer " + token})
        self.assertEqual((status, reason_of(body)), (401, "SIGN_IN_NEEDED"))
        self.assertEqual(body["details"][0]["debug"]["metadata"], {"why": "code_used_twice"})

    def test_a_token_dies_with_the_process(self):
        peer = self.peer("--web", "127.0.0.1:0")
        headers = peer.sign_in()
        before = peer.ask("GET", "/nothing")[1]["Arkshare-Boot-Id"]
        self.assertEqual(peer.program.end(), 0)
        peer.start()
        status, body = peer.call("GetStatus", {}, headers)
        self.assertEqual((status, reason_of(body)), (401, "SIGN_IN_NEEDED"))
        self.assertNotEqual(peer.ask("GET", "/nothing")[1]["Arkshare-Boot-Id"], before)

    def test_sessions_are_listed_and_ended(self):
        peer = self.peer()
        first = peer.sign_in()
        second = peer.sign_in()
        sessions = peer.call("ListPageSessions", {}, first)[1]["sessions"]
        self.assertEqual(len(sessions), 2)
        other = sessions[1]["sessionId"]
        self.assertEqual(peer.call("EndPageSession", {"sessionId": other}, first),
                         (200, {"ended": True}))
        self.assertEqual(peer.call("GetStatus", {}, second)[0], 401)
        self.assertEqual(peer.ask("DELETE", "/session", headers=first)[0], 204)
        self.assertEqual(peer.call("GetStatus", {}, first)[0], 401)

    def test_closing_ends_the_port_and_its_streams(self):
        peer = self.peer()
        headers = peer.sign_in()
        stream = Stream(peer, "Watch", {}, headers, "IndexService")
        self.addCleanup(stream.close)
        stream.read()
        closed = peer.cli("web", "--close")
        self.assertEqual(closed.returncode, 0, closed.stderr)
        self.assertIn("1 browser", closed.stdout)
        flags = 0
        while flags == 0:
            flags, message = stream.read()
        self.assertEqual((flags, message["error"]["code"]), (2, "canceled"))
        with self.assertRaises(ConnectionRefusedError):
            peer.ask("GET", "/")
        self.assertEqual(peer.call("GetStatus", {}, peer.sign_in())[0], 200, "it opens again")

    def test_an_open_stream_does_not_hold_up_the_end(self):
        peer = self.peer()
        stream = Stream(peer, "Watch", {}, peer.sign_in(), "IndexService")
        self.addCleanup(stream.close)
        stream.read()
        self.assertEqual(peer.program.end(), 0)

    def test_an_index_that_is_away_is_explained(self):
        peer = self.peer()
        headers = peer.sign_in()
        self.index.end()
        status, body = peer.call("ListPeers", {}, headers, "IndexService")
        self.assertEqual((status, reason_of(body)), (503, "INDEX_UNREACHABLE"))
        self.assertIn(self.index.address, body["message"])

    def test_curl_as_the_document_has_it(self):
        if not shutil.which("curl"):
            self.skipTest("SKIP: curl is not installed")
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "docs", "web.md"),
                  encoding="utf-8") as file:
            block = next(text for text in re.findall(r"```\n(.*?)```", file.read(), re.DOTALL)
                         if "curl" in text)
        first, second = re.split(r"\n(?=curl)", block.strip())
        peer = self.peer()
        code = peer.code()

        def run(command):
            done = subprocess.run(["sh", "-c", command.replace("127.0.0.1:8470", peer.page)],
                                  capture_output=True, text=True, check=True)
            return json.loads(done.stdout)

        token = run(first.replace("CODE", code))["token"]
        self.assertIn("publicKey", run(second.replace("TOKEN", token)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
