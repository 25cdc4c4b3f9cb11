"""Network namespaces: loopback with a congestion control of its own, a switch with limited ports, and a
long thin line. All of it needs root; what is left over from a killed run is removed by the next one."""

import json
import os
import subprocess

from harness import Failed, Missing, need, own_name, remove_leftovers

_SYSCTL = "/proc/sys/net/ipv4/tcp_"


def _ip(*args):
    done = subprocess.run([need("ip"), *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"ip {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def _in(namespace, *args):
    done = subprocess.run([need("ip"), "netns", "exec", namespace, *args], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"{' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def _read(name):
    with open(_SYSCTL + name, encoding="ascii") as file:
        return file.read().strip()


def _write(name, value):
    with open(_SYSCTL + name, "w", encoding="ascii") as file:
        file.write(value)


def _set_congestion_control(namespace, name):
    command = ("sysctl", "-qw", f"net.ipv4.tcp_congestion_control={name}")
    try:
        _in(namespace, *command)
    except Missing:
        # A namespace may choose only what the machine allows to all: allow it for a moment.
        allowed = _read("allowed_congestion_control")
        _write("allowed_congestion_control", f"{allowed} {name}")
        try:
            _in(namespace, *command)
        finally:
            _write("allowed_congestion_control", allowed)


def add_namespace(lab, name):
    """Makes a namespace with loopback, deleted with the lab; returns its full name."""
    if os.geteuid() != 0:
        raise Missing("network namespaces need root")
    full = own_name(name)
    if os.path.exists(f"/run/netns/{full}"):
        return full
    _ip("netns", "add", full)
    lab.cleanup.callback(_ip, "netns", "delete", full)
    _ip("-n", full, "link", "set", "lo", "up")
    _set_congestion_control(full, lab.options.congestion_control)
    return full


def add_silent_address(lab):
    """Returns an address in the lab's namespace that never answers, as if a firewall were before it."""
    if lab.namespace is None:
        raise Missing("an address that does not answer needs a namespace, and thus root")
    _ip("-n", lab.namespace, "route", "replace", "192.0.2.0/24", "dev", "lo")
    return "192.0.2.1"


def use_loopback(lab):
    """Gives the lab a loopback of its own, where the congestion control is the same for all."""
    lab.congestion_control = _read("congestion_control")
    if os.geteuid() != 0:
        lab.say("Not root: the system's loopback is used, and what needs namespaces is left out.")
        return
    remove_leftovers("/run/netns", lambda path: _ip("netns", "delete", os.path.basename(path)))
    lab.namespace = add_namespace(lab, "lo")
    lab.congestion_control = lab.options.congestion_control


class Switch:
    """`count` namespaces on a bridge; each can send and receive at `rate`, by token buckets."""

    def __init__(self, lab, count, rate="400mbit"):
        self.hub = add_namespace(lab, "hub")
        self.hub_address = "10.77.0.254"
        _ip("-n", self.hub, "link", "add", "br0", "type", "bridge")
        _ip("-n", self.hub, "address", "add", self.hub_address + "/24", "dev", "br0")
        _ip("-n", self.hub, "link", "set", "br0", "up")
        self.nodes = []  # (namespace, address)
        for number in range(1, count + 1):
            node, address, port = add_namespace(lab, f"n{number}"), f"10.77.0.{number}", f"p{number}"
            _ip("-n", self.hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns",
                node)
            _ip("-n", self.hub, "link", "set", port, "master", "br0", "up")
            _ip("-n", node, "address", "add", address + "/24", "dev", "eth0")
            _ip("-n", node, "link", "set", "eth0", "up")
            for namespace, device in ((self.hub, port), (node, "eth0")):
                _in(namespace, need("tc"), "qdisc", "add", "dev", device, "root", "tbf", "rate", rate,
                    "burst", "256k", "latency", "40ms")
            self.nodes.append((node, address))

    def sent(self, number):
        """Bytes that node `number` (from 0) has sent so far."""
        shown = _ip("-n", self.nodes[number][0], "-s", "-j", "link", "show", "dev", "eth0")
        return json.loads(shown)[0]["stats64"]["tx"]["bytes"]


class DelayLine:
    """Two namespaces joined by a line: `near` and `far` are (namespace, address)."""

    def __init__(self, lab, stage, mbit, one_way_ms, queue_bytes=500_000):
        self.near = (add_namespace(lab, "near"), "10.78.0.1")
        self.far = (add_namespace(lab, "far"), "10.78.0.2")
        line = stage.start([lab.program("arkshare-bench-delay-line"), self.near[0], self.far[0],
                            str(mbit), str(one_way_ms), str(queue_bytes)], namespace=None, pipe=True)
        try:
            line.read_line("up")
        except Failed as error:
            raise Missing(str(error)) from error
        for (namespace, address), (_, other) in ((self.near, self.far), (self.far, self.near)):
            _ip("-n", namespace, "address", "add", address, "peer", other, "dev", "wan0")
            _ip("-n", namespace, "link", "set", "wan0", "up")
