"""Hashing a folder: our hasher on one thread, and a peer from its start until the index has its books."""

import os

import programs
from harness import MIB, need
from report import Report

TITLE = "hashing two books that are in memory"
COUNT = 2


def books(stage):
    return stage.lab.books(COUNT, stage.lab.options.size // COUNT)


def paths(stage):
    return [os.path.join(books(stage), name) for name in sorted(os.listdir(books(stage)))]


def command(find, *args):
    def contend(stage):
        return stage.time_commands([[find(stage), *args, *paths(stage)]], stage.lab.options.size)
    return contend


def peer(stage):
    share = programs.give_away(stage, books(stage))
    network = programs.Arkshare(stage)

    def index_folder():
        network.peer(share)
        network.wait_for_books(COUNT)
    return stage.time(index_folder, stage.lab.options.size)


def run(lab):
    ours = "arkshare's hasher, 1 thread"
    rows = lab.measure([
        (ours, command(lambda stage: stage.lab.program("arkshare-bench-hash"))),
        ("arkshare-peer, until listed", peer),
        ("openssl dgst -sha256", command(lambda _: need("openssl"), "dgst", "-sha256")),
        ("sha256sum", command(lambda _: need("sha256sum")))])
    return [Report("hash", f"{TITLE}, {lab.options.size // MIB:,} MiB together", rows, ours)]
