#!/usr/bin/python3
"""A network that falls into two parts: etcd's leader and one replica of the index here, the majority of etcd
and the other replica there. Made of network namespaces.

Needs root, ip, nft and etcd. tests/support/homes.py makes the machines. CTest runs it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from homes import Machine, Network, eventually, why_not  # noqa: E402
from arkshare_test_client import BIN, FOLDER, WAIT, Program  # noqa: E402

ETCD, ETCDCTL = shutil.which("etcd"), shutil.which("etcdctl")
PREFIX = "10.77.0."
LEASE = "2s"


class Partition(unittest.TestCase):
    def setUp(self):
        self.machines = 0
        self.folder = tempfile.mkdtemp(dir=FOLDER.name)
        # One network of two switches, which a trunk connects.
        self.here, self.there = Network(self, PREFIX), Network(self, PREFIX)
        self.there.hosts = 100
        self.here.switch.ip("link", "add", "trunk", "type", "veth", "peer", "name", "trunk", "netns",
                            self.there.switch.name)
        for side in (self.here, self.there):
            side.switch.ip("link", "set", "trunk", "master", "br0", "up")
        self.nodes = [self.machine_at(side) for side in (self.here, self.there, self.there)]
        self.endpoints = ",".join(f"{address}:2379" for _, address in self.nodes)
        for number in range(3):
            self.start_etcd(number)
        self.assertTrue(eventually(lambda: self.leader() is not None))
        if self.leader() != self.members()[0]:
            self.etcdctl(f"--endpoints={self.endpoint_of(self.leader())}", "move-leader",
                         f"{self.members()[0]:x}")
        self.assertEqual(self.leader(), self.members()[0])

    def machine_at(self, side):
        machine = Machine(self)
        return machine, side.attach(machine)

    def start_etcd(self, number):
        machine, address = self.nodes[number]
        cluster = ",".join(f"n{i}=http://{other}:2380" for i, (_, other) in enumerate(self.nodes))
        log = open(os.path.join(self.folder, f"etcd{number}.log"), "w", encoding="utf-8")
        self.addCleanup(log.close)
        node = subprocess.Popen(machine.command(
            ETCD, "--name", f"n{number}", "--data-dir", os.path.join(self.folder, f"n{number}"),
            "--listen-client-urls", f"http://{address}:2379",
            "--advertise-client-urls", f"http://{address}:2379",
            "--listen-peer-urls", f"http://{address}:2380",
            "--initial-advertise-peer-urls", f"http://{address}:2380", "--initial-cluster", cluster),
            stdout=log, stderr=log)
        self.addCleanup(node.wait)
        self.addCleanup(node.kill)

    def etcdctl(self, *args):
        return self.nodes[0][0].run("env", "ETCDCTL_API=3", ETCDCTL, *args)

    def statuses(self):
        """Returns what etcd says of each node that answers, in their order."""
        try:
            return json.loads(self.etcdctl(f"--endpoints={self.endpoints}", "endpoint", "status", "-w", "json"))
        except (RuntimeError, ValueError):
            return []

    def members(self):
        return [status["Status"]["header"]["member_id"] for status in self.statuses()]

    def leader(self):
        """The id of the leader that all nodes know."""
        leaders = {status["Status"].get("leader") for status in self.statuses()}
        return leaders.pop() if len(leaders) == 1 and len(self.statuses()) == 3 else None

    def endpoint_of(self, member):
        return self.endpoints.split(",")[self.members().index(member)]

    def start(self, side, program, *args):
        """Starts a program on a machine of its own; returns both."""
        machine, host = self.machine_at(side)
        started = Program(*machine.command(os.path.join(BIN, program), "--insecure", "--listen", f"{host}:0",
                                           *args))
        self.addCleanup(started.end, signal.SIGKILL)
        return machine, started

    def start_index(self, side):
        return self.start(side, "arkshare-index", "--etcd", self.endpoints, "--lease", LEASE)

    def start_peer(self, side, name, *indexes):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        self.start(side, "arkshare-peer", "--share", folder, "--control", f"unix:{folder}.sock", "--index",
                   ",".join(index.address for _, index in indexes))
        self.write(name, f"first of {name}")
        return name

    def write(self, peer, book):
        with open(os.path.join(self.folder, peer, book), "w", encoding="utf-8") as file:
            file.write(book)

    def holders(self, at, book):
        """The keys of those that have the book, as the replica says."""
        machine, index = at
        command = machine.command(os.path.join(BIN, "arkshare-cli"), "--index", index.address, "--json", "search",
                                  "--name", book)
        done = subprocess.run(command, text=True, capture_output=True, timeout=WAIT * 3)
        return sorted(holder["public_key"] for line in done.stdout.splitlines()
                      for holder in json.loads(line)["holders"])

    def find(self, at, books):
        self.assertTrue(eventually(lambda: all(len(self.holders(at, book)) == 1 for book in books)),
                        f"{books}: {[self.holders(at, book) for book in books]}\n{at[1].read_log()}")

    def test_the_majority_goes_on_and_the_other_part_follows_when_the_network_is_whole_again(self):
        a, b = self.start_index(self.here), self.start_index(self.there)
        one, two = self.start_peer(self.here, "one", a, b), self.start_peer(self.there, "two", b, a)
        for replica in (a, b):
            self.find(replica, ["first of one", "first of two"])

        self.here.switch.ip("link", "set", "trunk", "down")
        # The majority elects a leader, and writes.
        self.write(two, "there")
        self.find(b, ["there", "first of two"])
        # The other part serves what it knows, and says nothing new.
        self.write(one, "here")
        self.assertEqual(self.holders(a, "there"), [])
        self.assertEqual(self.holders(a, "here"), [])
        self.assertEqual(len(self.holders(a, "first of two")), 1)
        # A book that cannot be reached is listed for the key of its replica and a lease.
        self.assertTrue(eventually(lambda: not self.holders(b, "first of one")), b[1].read_log())

        self.here.switch.ip("link", "set", "trunk", "up")
        books = ["first of one", "first of two", "there", "here"]
        for replica in (a, b):
            self.find(replica, books)
        for book in books:
            self.assertEqual(self.holders(a, book), self.holders(b, book))


if __name__ == "__main__":
    reason = why_not()
    if not reason and (ETCD is None or ETCDCTL is None):
        reason = "etcd is not installed"
    if reason:
        print(f"SKIP: {reason}")
        sys.exit(77)
    unittest.main()
