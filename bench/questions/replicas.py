"""Replicas of the index over three etcd nodes: what they cost, and what is seen when parts are killed."""

import databases
from harness import need
from programs import LOOPBACK
from questions.index import run_load
from report import Report, Target, extra, row_of

NODES = 3
ETCD_RESIDENT = "etcd resident, most of a node, MiB"
SINGLE, BY_100 = "single moves, books a second", "moves by 100, books a second"
SEARCH_RATIO = "searches of a replica ÷ of an index by itself"


class Etcd:
    """Three nodes, whose data is in memory."""

    def __init__(self, stage):
        self.stage = stage
        ports = [(stage.lab.free_port(), stage.lab.free_port()) for _ in range(NODES)]
        cluster = ",".join(f"n{n}=http://{LOOPBACK}:{peer}" for n, (_, peer) in enumerate(ports))
        self.clients = [client for client, _ in ports]
        self.nodes = [stage.start(
            [need("etcd"), "--name", f"n{n}", "--data-dir", stage.path(f"etcd{n}"),
             "--listen-client-urls", f"http://{LOOPBACK}:{client}",
             "--advertise-client-urls", f"http://{LOOPBACK}:{client}",
             "--listen-peer-urls", f"http://{LOOPBACK}:{peer}",
             "--initial-advertise-peer-urls", f"http://{LOOPBACK}:{peer}",
             "--initial-cluster", cluster, "--initial-cluster-token", stage.folder,
             "--snapshot-count", "5000", "--quota-backend-bytes", str(8 << 30)])
            for n, (client, peer) in enumerate(ports)]
        for node, client in zip(self.nodes, self.clients):
            node.wait_until_listening(client)
        self.endpoints = ",".join(f"{LOOPBACK}:{client}" for client in self.clients)

    def leader(self):
        """The node that leads."""
        # A line for each node: endpoint, id, version, size, whether it leads, ...
        control = self.stage.start([need("etcdctl"), "--endpoints", self.endpoints, "endpoint",
                                    "status"], pipe=True)
        for line in control.popen.stdout:
            endpoint, *_, leads = line.split(", ")[:5]
            if leads == "true":
                return self.nodes[self.clients.index(int(endpoint.rsplit(":", 1)[1]))]
        return control.fail("names no leader")


def load(mode, *options):
    """With an etcd of its own. An option can be a function of it, which returns words."""
    def contend(stage):
        etcd = Etcd(stage)
        words = [word for option in options
                 for word in (option(etcd) if callable(option) else [option])]
        sample = run_load(stage, mode, "--etcd", etcd.endpoints, *words)
        sample.extra[ETCD_RESIDENT] = max(node.peak() for node in etcd.nodes
                                          if node.popen.poll() is None) / (1 << 20)
        return sample
    return contend


def run(lab):
    quick = lab.options.quick
    peers = 500 if quick else 10_000
    seconds = "5s" if quick else "20s"
    few = ("--peers", "100" if quick else "1000", "--books", "100" if quick else "1000")
    many = ("--peers", "1000", "--books", "100" if quick else "1000")
    rounds, lab.options.rounds = lab.options.rounds, 0
    try:
        rows = lab.measure([
            ("replicas", load("replicas", "--peers", str(peers), "--time", seconds, "--etcd-leader",
                              lambda etcd: [str(etcd.leader().pid)])),
            ("announce", load("replica_announce", *many)),
            ("owner", load("owner")),
            ("search", load("replica_search", *few)),
            ("redis-server, SMOVE one by one",
             databases.redis(("SMOVE", "source", "receiver", "book")))])
    finally:
        lab.options.rounds = rounds

    def told(row, name):
        return extra(rows, row, name) if row_of(rows, row).samples else None
    return [Report("replicas", f"two replicas of the index over three etcd, {peers:,} peers with 100 "
                   "books each, all on this machine", rows, "replicas", [
        Target(SEARCH_RATIO, told("search", SEARCH_RATIO), at_least=0.95),
        Target("books announced a second", told("announce", "books announced a second"),
               at_least=50_000),
        Target("a change acknowledged after ms, median",
               told("replicas", "change, acknowledged after ms, median"), at_most=10),
        Target("a change acknowledged after ms, p99",
               told("replicas", "change, acknowledged after ms, p99"), at_most=100),
        Target(SINGLE, told("owner", SINGLE), at_least=3_000),
        Target(BY_100, told("owner", BY_100), at_least=40_000),
        Target("new replica has all books after s",
               told("replicas", "new replica has all books after s"), at_most=10),
        Target("replica killed, most books missing at the other",
               told("replicas", "replica killed, most books missing at the other"), at_most=0),
        Target("replica killed, all its peers at the other after s",
               told("replicas", "replica killed, all its peers at the other after s"), at_most=4),
        Target("killed peer gone at the other replica after ms, p99",
               told("replicas", "killed peer gone at the other replica after ms, p99"),
               at_most=1_000),
        Target("peers killed with their replica, gone after s",
               told("replicas", "peers killed with their replica, gone after s"), at_most=10),
        Target("etcd's leader killed, no change acknowledged for s",
               told("replicas", "etcd's leader killed, no change acknowledged for s"), at_most=2.5),
        Target("idle replica, % of a core", told("replicas", "idle replica, % of a core"),
               at_most=1),
        Target(ETCD_RESIDENT, told("replicas", ETCD_RESIDENT), at_most=500)])]
