#!/usr/bin/python3
"""The metrics in docker/compose.metrics.yaml: the dashboard asks for metrics that the index has.

CTest runs it; docker-compose, where it is installed, checks the overlay.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from arkshare_test_client import Program  # noqa: E402

DOCKER = os.path.join(os.path.dirname(__file__), "..", "..", "docker")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class MetricsTest(unittest.TestCase):
    def start_etcd(self):
        """One node of etcd; returns its address."""
        client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        folder = tempfile.TemporaryDirectory(prefix="arkshare-etcd-")
        self.addCleanup(folder.cleanup)
        etcd = subprocess.Popen(
            ["etcd", "--data-dir", folder.name, "--listen-client-urls", client, "--advertise-client-urls",
             client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
             "--initial-cluster", f"default={peer}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(etcd.wait)
        self.addCleanup(etcd.kill)
        return client.removeprefix("http://")

    def test_the_dashboard_asks_for_what_the_index_tells(self):
        # Without etcd, the index has no replicas and tells nothing of them.
        replicated = shutil.which("etcd") is not None
        options = ["--etcd", self.start_etcd()] if replicated else []
        index = Program("arkshare-index", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", *options)
        self.addCleanup(index.end)
        address = re.search(r"^metrics address=(\S+)$", "\n".join(index.lines), re.MULTILINE)[1]
        with urllib.request.urlopen(f"http://{address}/metrics") as page:
            text = page.read().decode()
        kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
        told = set()
        for name, kind in kinds.items():
            told |= {name} if kind != "histogram" else {
                name + end for end in ("_bucket", "_count", "_sum")}
        with open(f"{DOCKER}/metrics/dashboard.json", encoding="utf-8") as file:
            panels = json.load(file)["panels"]
        asked = set()
        for panel in panels:
            for target in panel["targets"]:
                names = set(re.findall(r"\b(?:arkshare|process)_\w+", target["expr"]))
                self.assertTrue(names, target["expr"])
                asked |= names if replicated else {
                    name for name in names if not name.startswith("arkshare_index_replica_")}
        self.assertEqual(asked - told, set())
        ours = {name for name, kind in kinds.items() if name.startswith("arkshare_")}
        shown = {re.sub("_(bucket|count|sum)$", "", name) for name in asked}
        self.assertEqual(ours - shown, set(), "every metric of ours has its panel")

    def test_the_overlay_is_valid(self):
        if not shutil.which("docker-compose"):
            self.skipTest("SKIP: docker-compose is not installed")
        done = subprocess.run(
            ["docker-compose", "-f", f"{DOCKER}/compose.yaml", "-f", f"{DOCKER}/compose.metrics.yaml",
             "config"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        for path in re.findall(r"^ *- (\S+/docker/metrics/[^:]+):", done.stdout, re.MULTILINE):
            self.assertTrue(os.path.isfile(path), path)
        self.assertIn("ARKSHARE_METRICS: 0.0.0.0:9464", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
