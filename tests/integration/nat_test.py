#!/usr/bin/python3
"""Homes behind routers, made of network namespaces: peers there share through the relay of the index, or
through a port that their router opens.

Needs root, ip and nft; what needs miniupnpd is skipped without it. tests/support/arkshare_test_client.py
says what else it needs. CTest runs it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from arkshare_test_client import BIN, FOLDER, WAIT, Program  # noqa: E402

PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
IP, NFT, MINIUPNPD = (shutil.which(name, path=PATH) for name in ("ip", "nft", "miniupnpd"))
PREFIX = f"arkshare-nat-{os.getpid()}-"
LEASE = 2  # seconds
# The rules of a home router. Chains of miniupnpd are where its programs expect them.
ROUTER = """
table inet filter {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname { "lo", "lan" } accept
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
    jump miniupnpd
  }
  chain prerouting {
    type nat hook prerouting priority -100;
    jump prerouting_miniupnpd
  }
  chain postrouting {
    type nat hook postrouting priority 100;
    jump postrouting_miniupnpd
    oifname "wan" masquerade RANDOM
  }
}
"""
# A firewall on the machine itself: it drops what it has not asked for.
FIREWALL = """
table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname "lo" accept
  }
}
"""


def call(*args, stdin=None):
    done = subprocess.run(args, input=stdin, text=True, capture_output=True, timeout=WAIT * 3)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: {done.stdout}{done.stderr}")
    return done.stdout


def why_not():
    """Why these tests cannot run here; empty when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for name, path in (("ip", IP), ("nft", NFT)):
        if path is None:
            return f"{name} is not installed"
    try:
        call(IP, "netns", "add", PREFIX + "try")
    except RuntimeError as error:
        return str(error)
    try:
        call(IP, "netns", "exec", PREFIX + "try", NFT, "-f", "-",
             stdin=ROUTER.replace("RANDOM", "random,fully-random"))
    except RuntimeError as error:
        return str(error)
    finally:
        call(IP, "netns", "delete", PREFIX + "try")
    return ""


def eventually(wanted):
    """Asks until it is true, or for WAIT seconds."""
    end = time.monotonic() + WAIT
    while not wanted() and time.monotonic() < end:
        time.sleep(0.05)
    return wanted()


class Machine:
    """A network namespace."""

    def __init__(self, case):
        case.machines += 1
        self.name = f"{PREFIX}{case.machines}"
        call(IP, "netns", "add", self.name)
        case.addCleanup(call, IP, "netns", "delete", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *args):
        return call(IP, "-n", self.name, *args)

    def run(self, *args, stdin=None):
        return call(*self.command(*args), stdin=stdin)

    def command(self, *args):
        return (IP, "netns", "exec", self.name, *args)

    def nft(self, rules):
        self.run(NFT, "-f", "-", stdin=rules)


class Network:
    """A switch; `prefix` is that of its addresses, as "192.168.1."."""

    def __init__(self, case, prefix):
        self.switch, self.prefix, self.hosts = Machine(case), prefix, 0
        self.switch.ip("link", "add", "br0", "type", "bridge")
        self.switch.ip("link", "set", "br0", "up")

    def attach(self, machine, device="eth0", gateway=False):
        """Gives the machine the next address of the network; returns the address."""
        self.hosts += 1
        address, port = f"{self.prefix}{self.hosts}", f"p{self.hosts}"
        self.switch.ip("link", "add", port, "type", "veth", "peer", "name", device, "netns",
                       machine.name)
        self.switch.ip("link", "set", port, "master", "br0", "up")
        machine.ip("address", "add", address + "/24", "dev", device)
        machine.ip("link", "set", device, "up")
        if gateway:
            machine.ip("route", "add", "default", "via", self.prefix + "1")
        return address


class Router:
    """Connects a network of its own, `inside`, to the one outside."""

    def __init__(self, case, outside, prefix, symmetric=False, gateway=False):
        self.machine, self.inside = Machine(case), Network(case, prefix)
        self.address = outside.attach(self.machine, "wan", gateway)
        self.inside.attach(self.machine, "lan")
        self.machine.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.machine.nft(ROUTER.replace("RANDOM", "random,fully-random" if symmetric else ""))

    def start_miniupnpd(self, case, **options):
        """Opens ports for the machines inside: upnp="yes", natpmp="yes"."""
        config = os.path.join(FOLDER.name, self.machine.name + ".conf")
        with open(config, "w", encoding="ascii") as file:
            file.write("ext_ifname=wan\nlistening_ip=lan\nsecure_mode=yes\nsystem_uptime=yes\n"
                       "uuid=e6322a48-b83b-47a2-ba76-73c468693cd8\n"
                       "upnp_table_name=filter\nupnp_nat_table_name=filter\n"
                       "upnp_forward_chain=miniupnpd\nupnp_nat_chain=prerouting_miniupnpd\n"
                       "upnp_nat_postrouting_chain=postrouting_miniupnpd\n"
                       f"enable_upnp={options.get('upnp', 'no')}\n"
                       f"enable_natpmp={options.get('natpmp', 'no')}\n"
                       "allow 1024-65535 0.0.0.0/0 1024-65535\n")
        with open(config + ".log", "w", encoding="ascii") as log:
            daemon = subprocess.Popen(
                self.machine.command(MINIUPNPD, "-d", "-f", config, "-P", config + ".pid"),
                stdout=log, stderr=log)
        case.addCleanup(daemon.wait)
        case.addCleanup(daemon.terminate)

    def open_ports(self):
        return self.machine.run(NFT, "list", "chain", "inet", "filter",
                                "prerouting_miniupnpd").count("dnat")


class Peer:
    def __init__(self, case, machine, name, *options):
        self.case, self.machine, self.options = case, machine, options
        # The path of a socket must be short.
        self.folder = os.path.join(case.folder, name)
        self.control = f"unix:{self.folder}.sock"
        os.makedirs(self.folder)
        self.start()

    def start(self):
        self.program = self.case.start(self.machine, "arkshare-peer", "--share", self.folder,
                                       "--join", self.case.word, "--control", self.control,
                                       *self.options)

    def cli(self, *args):
        return self.machine.run(os.path.join(BIN, "arkshare-cli"), "--peer", self.control, *args)

    def finds(self, name):
        command = self.machine.command(os.path.join(BIN, "arkshare-cli"), "--peer", self.control,
                                       "--json", "search", name)
        done = subprocess.run(command, text=True, capture_output=True, timeout=WAIT * 3)
        return name in done.stdout

    def status(self):
        return json.loads(self.cli("--json", "status"))

    def carried(self):
        """Bytes to and from it that the relay has carried."""
        return int(self.status().get("relayed_bytes", 0))

    def way(self):
        """How other peers reach it, as people see it; empty while they do not."""
        lines = [line for line in self.cli("status").splitlines() if line.startswith("reachable")]
        return lines[0].split(None, 1)[1] if lines else ""

    def write(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()


class NatTest(unittest.TestCase):
    """An index with a relay on the internet; the test adds homes."""

    def setUp(self):
        self.machines = 0
        self.internet = Network(self, "45.45.45.")
        self.index_machine = Machine(self)
        address = self.internet.attach(self.index_machine)
        self.folder = tempfile.mkdtemp(dir=FOLDER.name)
        self.home = os.path.join(self.folder, "index")
        os.mkdir(self.home, 0o700)
        self.index = self.start(self.index_machine, "arkshare-index", "--home", self.home,
                                "--listen", f"{address}:0", "--relay", f"{address}:0", "--lease",
                                f"{LEASE}s")
        self.relay = next(line.split("=", 1)[1] for line in self.index.lines
                          if line.startswith("relay address="))
        invitation = call(os.path.join(BIN, "arkshare-index"), "invite", "--home", self.home,
                          "--address", self.index.address, "--uses", "20")
        self.word = next(word for word in invitation.split() if word.startswith("ark1"))

    def start(self, machine, name, *args):
        program = Program(*machine.command(os.path.join(BIN, name), *args))
        self.addCleanup(program.end, signal.SIGKILL)
        return program

    def machine_at(self, network):
        machine = Machine(self)
        network.attach(machine, gateway=True)
        return machine

    def assert_way(self, peer, begin):
        self.assertTrue(eventually(lambda: peer.way().startswith(begin)),
                        f"{peer.way()!r}, wanted {begin!r}\n{peer.program.read_log()}\n"
                        f"{self.index.read_log()}")

    def assert_lists(self, peer, names):
        """The peer finds these books of others."""
        self.assertTrue(eventually(lambda: all(map(peer.finds, names))), peer.cli("peers"))

    def test_homes_behind_routers_of_all_kinds_share_with_each_other(self):
        carrier = Router(self, self.internet, "100.64.0.")
        homes = {
            "cone": Router(self, self.internet, "192.168.1."),
            "symmetric": Router(self, self.internet, "192.168.2.", symmetric=True),
            "carrier": Router(self, carrier.inside, "192.168.3.", gateway=True),
        }
        machines = {name: self.machine_at(home.inside) for name, home in homes.items()}
        machines["firewall"] = Machine(self)
        self.internet.attach(machines["firewall"])
        machines["firewall"].nft(FIREWALL)
        # The hairpin: another peer in the first home.
        machines["sibling"] = self.machine_at(homes["cone"].inside)
        books = {name: os.urandom(2_000_000) for name in machines}
        peers = {name: Peer(self, machine, name, "--policy", "copy")
                 for name, machine in machines.items()}
        for name, peer in peers.items():
            peer.write(f"book-{name}", books[name])
        for peer in peers.values():
            self.assert_way(peer, "through the relay of " + self.relay)
        for receiver, peer in peers.items():
            others = [name for name in peers if name != receiver]
            self.assert_lists(peer, [f"book-{name}" for name in others])
            peer.cli("get", *(f"book-{name}" for name in others))
            for name in others:
                self.assertEqual(peer.read(f"book-{name}"), books[name], f"{name} to {receiver}")
            if receiver == "cone":
                # Only their owners had these books.
                for name in ("symmetric", "carrier", "firewall"):
                    self.assertGreater(peers[name].carried(), 2_000_000, name)

    def test_a_move_out_of_a_home_leaves_one_copy(self):
        home = Router(self, self.internet, "192.168.1.", symmetric=True)
        source = Peer(self, self.machine_at(home.inside), "source")
        outside = Machine(self)
        self.internet.attach(outside)
        receiver = Peer(self, outside, "receiver")
        book = os.urandom(5_000_000)
        source.write("book", book)
        self.assert_way(source, "through the relay")
        self.assert_way(receiver, "directly")
        self.assert_lists(receiver, ["book"])
        receiver.cli("get", "book")
        self.assertEqual(receiver.read("book"), book)
        self.assertTrue(eventually(lambda: not os.path.exists(source.folder + "/book")))
        # And back: the source can dial the receiver, so nothing is carried.
        carried = source.carried()
        self.assert_lists(source, ["book"])
        source.cli("get", "book")
        self.assertEqual(source.read("book"), book)
        self.assertLess(source.carried() - carried, 1_000_000)

    def test_peers_in_one_home_find_each_other(self):
        home = Router(self, self.internet, "192.168.1.")
        source = Peer(self, self.machine_at(home.inside), "source", "--policy", "copy")
        receiver = Peer(self, self.machine_at(home.inside), "receiver")
        other_home = Router(self, self.internet, "192.168.2.")
        stranger = Peer(self, self.machine_at(other_home.inside), "stranger")
        book = os.urandom(5_000_000)
        source.write("book", book)
        for peer in (source, receiver, stranger):
            self.assert_way(peer, "through the relay")
            if peer is not source:
                self.assert_lists(peer, ["book"])
        carried = source.carried() + receiver.carried()
        self.assertNotIn("through the relay", receiver.cli("get", "book"))
        self.assertEqual(receiver.read("book"), book)
        self.assertLess(source.carried() + receiver.carried() - carried, 100_000)
        # From another home, the same address is another machine, or none.
        self.assertIn("through the relay", stranger.cli("get", "book"))
        self.assertEqual(stranger.read("book"), book)
        # The receiver has the book by now, too, and is as far away.
        self.assertGreater(source.carried() + receiver.carried() - carried, 5_000_000)

    def test_a_peer_in_a_home_comes_to_a_receiver_that_can_be_dialled(self):
        home = Router(self, self.internet, "192.168.1.", symmetric=True)
        walled = Machine(self)
        self.internet.attach(walled)
        walled.nft(FIREWALL)
        shut_in = Machine(self)
        self.internet.attach(shut_in)
        outside = Machine(self)
        address = self.internet.attach(outside)
        # It can neither be dialled nor dial the receiver.
        shut_in.nft(FIREWALL + """
table inet filter {
  chain output {
    type filter hook output priority 0;
    ip daddr ADDRESS drop
  }
}
""".replace("ADDRESS", address))
        receiver = Peer(self, outside, "receiver")
        sources = {name: Peer(self, machine, name) for name, machine in
                   (("home", self.machine_at(home.inside)), ("walled", walled),
                    ("shut-in", shut_in))}
        books = {name: os.urandom(5_000_000) for name in sources}
        for name, source in sources.items():
            source.write(f"book-{name}", books[name])
            self.assert_way(source, "through the relay")
        self.assert_way(receiver, "directly")
        self.assert_lists(receiver, [f"book-{name}" for name in sources])
        for name, source in sources.items():
            carried = source.carried()
            words = receiver.cli("get", f"book-{name}")
            self.assertEqual(receiver.read(f"book-{name}"), books[name])
            if name == "shut-in":
                self.assertIn("through the relay", words)
                self.assertGreater(source.carried() - carried, 5_000_000)
            else:
                self.assertIn("(called back)", words)
                self.assertEqual(source.carried(), carried)
            # It was moved, so Release and Confirm went the same way.
            self.assertTrue(eventually(
                lambda name=name, source=source: not os.path.exists(f"{source.folder}/book-{name}")))

    def test_a_peer_that_slept_comes_back_under_another_address(self):
        home = Router(self, self.internet, "192.168.1.")
        machine = self.machine_at(home.inside)
        source = Peer(self, machine, "source", "--policy", "copy")
        outside = Machine(self)
        self.internet.attach(outside)
        receiver = Peer(self, outside, "receiver")
        source.write("book", b"the book")
        self.assert_way(source, "through the relay")
        self.assert_lists(receiver, ["book"])
        source.program.send(signal.SIGSTOP)
        self.assertTrue(eventually(lambda: not receiver.finds("book")))
        machine.ip("address", "flush", "dev", "eth0")
        machine.ip("address", "add", "192.168.1.77/24", "dev", "eth0")
        machine.ip("route", "add", "default", "via", "192.168.1.1")
        source.program.send(signal.SIGCONT)
        self.assert_way(source, "through the relay")
        self.assert_lists(receiver, ["book"])
        receiver.cli("get", "book")
        self.assertEqual(receiver.read("book"), b"the book")

    @unittest.skipIf(MINIUPNPD is None, "miniupnpd is not installed")
    def test_a_router_opens_a_port(self):
        for number, (protocol, option) in enumerate((("NAT-PMP", "natpmp"), ("UPnP", "upnp")), 1):
            with self.subTest(protocol):
                home = Router(self, self.internet, f"192.168.{number}.")
                home.start_miniupnpd(self, **{option: "yes"})
                source = Peer(self, self.machine_at(home.inside), protocol, "--policy", "copy")
                book = os.urandom(2_000_000)
                source.write(f"book-{option}", book)
                self.assert_way(source, "directly: your router opened port")
                status = source.status()
                self.assertEqual(status["mapped_by"], protocol)
                self.assertTrue(status["mapped_address"].startswith(home.address + ":"), status)
                carried = source.carried()
                outside = Machine(self)
                self.internet.attach(outside)
                receiver = Peer(self, outside, f"receiver-{option}")
                self.assert_lists(receiver, [f"book-{option}"])
                receiver.cli("get", f"book-{option}")
                self.assertEqual(receiver.read(f"book-{option}"), book)
                self.assertEqual(source.carried(), carried)
                self.assertEqual(home.open_ports(), 1)
                source.program.end()
                self.assertEqual(home.open_ports(), 0)

    @unittest.skipIf(MINIUPNPD is None, "miniupnpd is not installed")
    def test_a_port_that_the_router_forgets_does_not_hide_the_peer(self):
        home = Router(self, self.internet, "192.168.1.")
        home.start_miniupnpd(self, natpmp="yes")
        source = Peer(self, self.machine_at(home.inside), "source", "--policy", "copy")
        source.write("book", b"the book")
        self.assert_way(source, "directly: your router opened port")
        # miniupnpd still says that it is open.
        home.machine.nft("flush chain inet filter prerouting_miniupnpd")
        outside = Machine(self)
        self.internet.attach(outside)
        receiver = Peer(self, outside, "receiver")
        self.assert_lists(receiver, ["book"])
        # The receiver also reports it. The index, which hears such reports of a peer once a minute,
        # then looks, and tells the peer: too long for this test.
        self.assertIn("(called back)", receiver.cli("get", "book"))
        self.assertEqual(receiver.read("book"), b"the book")

    @unittest.skipIf(MINIUPNPD is None, "miniupnpd is not installed")
    def test_a_port_behind_two_routers_is_found_out(self):
        # The home's router opens a port, but the carrier's does not let anything in.
        carrier = Router(self, self.internet, "100.64.0.")
        home = Router(self, carrier.inside, "192.168.3.", gateway=True)
        home.start_miniupnpd(self, natpmp="yes")
        source = Peer(self, self.machine_at(home.inside), "source", "--policy", "copy")
        source.write("book", b"the book")
        self.assert_way(source, "through the relay")
        self.assertTrue(eventually(lambda: "port_mapped" in source.program.read_log()
                                   or "port_not_mapped" in source.program.read_log()))
        self.assertTrue(eventually(lambda: home.open_ports() == 0))
        self.assert_way(source, "through the relay")


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"SKIP: {reason}")
        sys.exit(77)
    unittest.main()
