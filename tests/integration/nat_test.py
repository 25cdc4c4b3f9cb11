#!/usr/bin/python3
"""Peers in homes behind routers share through the relay of the index, or through a port that their router
opens.

Needs root, ip and nft; what needs miniupnpd is skipped without it. tests/support/homes.py makes the
homes. CTest runs it.
"""

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from homes import (FIREWALL, MINIUPNPD, Machine, NatCase, Network, Peer, Router, eventually,  # noqa: E402
                   why_not)


class NatTest(NatCase):
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
        number = str(source.status()["peer_id"])
        self.assertIn(" at 192.168.1.", receiver.cli("ping", number, "--count", "1"))
        self.assertIn("through the relay", stranger.cli("ping", number, "--count", "1"))
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


class BothProtocolsTest(NatCase):
    """An internet of IPv4 and IPv6."""

    def make_internet(self):
        return Network(self, "45.45.45.", "2a00:45::")

    def index_host(self, address):
        return "[::]"

    def test_a_peer_that_only_ipv6_reaches_shares_with_those_that_have_only_ipv4(self):
        port = self.index.address.rsplit(":", 1)[1]
        words = {4: self.invite(f"45.45.45.1:{port}"), 6: self.invite(f"[2a00:45::1]:{port}")}
        new, old, both = Machine(self), Machine(self), Machine(self)
        self.internet.attach(new, only6=True)
        self.internet.attach(both)
        Router(self, self.internet, "192.168.1.").inside.attach(old, gateway=True)
        self.word = words[6]
        source = Peer(self, new, "source", "--policy", "copy", "--listen", "[::]:0")
        receiver6 = Peer(self, both, "receiver6", "--listen", "[::]:0")
        self.word = words[4]
        receiver4 = Peer(self, old, "receiver4")
        book = os.urandom(5_000_000)
        source.write("book", book)
        self.assert_way(source, "directly")
        self.assertTrue(source.status()["address"].startswith("[2a00:45::2]:"), source.status())
        self.assert_way(receiver6, "directly")
        self.assert_way(receiver4, "through the relay")
        self.assert_lists(receiver6, ["book"])
        self.assertNotIn("through the relay", receiver6.cli("get", "book"))
        self.assertEqual(receiver6.read("book"), book)
        self.assertEqual(source.carried(), 0)
        self.assert_lists(receiver4, ["book"])
        # The other holder, which also has IPv4, is listed with its address of IPv6.
        self.assertIn("through the relay", receiver4.cli("get", "book"))
        self.assertEqual(receiver4.read("book"), book)
        # The way back: one with IPv6 only fetches from a home with IPv4 only.
        back = os.urandom(2_000_000)
        receiver4.write("back", back)
        self.assert_lists(source, ["back"])
        self.assertIn("through the relay", source.cli("get", "back"))
        self.assertEqual(source.read("back"), back)


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"SKIP: {reason}")
        sys.exit(77)
    unittest.main()
