"""Homes behind routers, made of network namespaces, for tests that run as root.

They need ip and nft. arkshare_test_client.py says what else.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from arkshare_test_client import BIN, FOLDER, WAIT, Program

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
    """A switch; `prefix` is that of its addresses, as "192.168.1.", and `prefix6` that of IPv6."""

    def __init__(self, case, prefix, prefix6=""):
        self.switch, self.prefix, self.prefix6, self.hosts = Machine(case), prefix, prefix6, 0
        self.switch.ip("link", "add", "br0", "type", "bridge")
        self.switch.ip("link", "set", "br0", "up")

    def attach(self, machine, device="eth0", gateway=False, only6=False):
        """Gives the machine the next address of the network, and that of IPv6, or only the latter if
        `only6` is set; returns the first one."""
        self.hosts += 1
        address, port = f"{self.prefix}{self.hosts}", f"p{self.hosts}"
        self.switch.ip("link", "add", port, "type", "veth", "peer", "name", device, "netns",
                       machine.name)
        self.switch.ip("link", "set", port, "master", "br0", "up")
        if not only6:
            machine.ip("address", "add", address + "/24", "dev", device)
        if self.prefix6:
            machine.ip("address", "add", f"{self.prefix6}{self.hosts}/64", "dev", device, "nodad")
        machine.ip("link", "set", device, "up")
        if gateway:
            machine.ip("route", "add", "default", "via", self.prefix + "1")
        return self.prefix6 + str(self.hosts) if only6 else address


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


class NatCase(unittest.TestCase):
    """An index with a relay on the internet; the test adds homes."""

    def setUp(self):
        self.machines = 0
        self.internet = self.make_internet()
        self.index_machine = Machine(self)
        host = self.index_host(self.internet.attach(self.index_machine))
        self.folder = tempfile.mkdtemp(dir=FOLDER.name)
        self.home = os.path.join(self.folder, "index")
        os.mkdir(self.home, 0o700)
        self.index = self.start(self.index_machine, "arkshare-index", "--home", self.home,
                                "--listen", f"{host}:0", "--relay", f"{host}:0", "--lease",
                                f"{LEASE}s")
        self.relay = next(line.split("=", 1)[1] for line in self.index.lines
                          if line.startswith("relay address="))
        self.word = self.invite(self.index.address)

    def make_internet(self):
        return Network(self, "45.45.45.")

    def index_host(self, address):
        """Where the index listens on the machine with this address."""
        return address

    def invite(self, address):
        """Returns an invitation for peers that reach the index at this address."""
        invitation = call(os.path.join(BIN, "arkshare-index"), "invite", "--home", self.home,
                          "--address", address, "--uses", "20")
        return next(word for word in invitation.split() if word.startswith("ark1"))

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
