#!/usr/bin/python3
"""One attack, from an address of its own.

It prepares the attack, prints "ready", begins when a line comes from stdin, attacks for the given time, and
prints KEY=VALUE lines."""

import argparse
import os
import time

import attacks_index
import attacks_peer
from http2 import Connection

ATTACKS = {
    "watch": attacks_index.Watchers,
    "gzip-index": attacks_index.CompressedRequests,
    "gzip-peer": attacks_peer.CompressedPings,
    "search": attacks_index.Searches,
    "tickets": attacks_index.ForgedTickets,
    "bury": attacks_index.MadeUpSources,
    "sybil": attacks_index.Registrations,
    "starve": attacks_index.SilentPorts,
    "release": attacks_peer.Releases,
    "calls": attacks_peer.OpenCalls,
    "settings": attacks_peer.IgnoredSettings,
    "unproven": attacks_index.UnprovenBooks,
    "windows": attacks_peer.ZeroWindows,
    "reset-index": attacks_index.RapidResets,
    "reset-peer": attacks_peer.ResetPings,
    "headers-index": attacks_index.EndlessHeaders,
    "headers-peer": attacks_peer.EndlessHeadersOfPing,
}


class Attack:
    """The situation of an attack: its target, its own address, and whether it shall be small."""

    def __init__(self, options):
        self.source, self.small = options.source, options.small
        self.index, self.target = options.index, options.target
        self.large_book = options.large_book

    def connect(self, **options):
        return Connection(self.target, self.source, **options)


class Until:
    """The end of an attack."""

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds

    def is_ahead(self):
        return time.monotonic() < self._end

    def wait(self, most=float("inf")):
        """Waits for the end, at most this long."""
        time.sleep(max(0, min(most, self._end - time.monotonic())))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attack", choices=ATTACKS)
    parser.add_argument("--target", required=True, help="IP:PORT")
    parser.add_argument("--index", required=True, help="IP:PORT, where the target's books are listed")
    parser.add_argument("--large-book", help="name of a book of the target")
    parser.add_argument("--source", default="127.0.0.2", help="IP address to attack from")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--small", action="store_true", help="fewer connections and smaller messages")
    options = parser.parse_args()
    attack = ATTACKS[options.attack](Attack(options))
    print("ready", flush=True)
    input()
    for name, value in attack.run(Until(options.seconds)).items():
        print(f"{name}={value}", flush=True)
    # The end of the process closes all connections at once, whatever their threads do.
    os._exit(0)


if __name__ == "__main__":
    main()
