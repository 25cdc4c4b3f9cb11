"""A thousand small books from one holder to one receiver."""

import os

import programs
from harness import MIB, check, need
from report import Report, Target, time_ratio

EACH = 64 << 10
COPY, MOVE, RSYNC = "arkshare, copy", "arkshare, move", "rsync daemon"


def names(count):
    return [f"b{number:04}" for number in range(count)]


def check_books(folder, count, each=EACH):
    there = [e for e in os.scandir(folder) if e.is_file() and e.stat().st_size == each]
    check(len(there) == count, f"{len(there)} of {count} books are there")


def arkshare(policy, keys=False):
    def contend(stage):
        count = stage.lab.options.count
        books = stage.lab.books(count, EACH)
        lend = policy == "copy"
        share = programs.lend(stage, books, keys) if lend else programs.give_away(stage, books)
        network = programs.Arkshare(stage, keys=keys)
        network.peer(share, "--policy", policy)
        network.wait_for_books(count)
        receiver = network.peer(stage.new_folder("got"))
        sample = stage.time_commands([receiver.get_all(names(count))], count * EACH)
        check_books(receiver.folder, count)
        return sample
    return contend


def rsync(stage):
    count = stage.lab.options.count
    url, got = programs.rsync_daemon(stage, stage.lab.books(count, EACH)), stage.new_folder("got")
    sample = stage.time_commands([[need("rsync"), "-r", url, got]], count * EACH)
    check_books(got, count)
    return sample


def curl(stage):
    count = stage.lab.options.count
    url, got = programs.nginx(stage, stage.lab.books(count, EACH)), stage.new_folder("got")
    command = programs.curl("-Z", "--parallel-max", "8", "-o", f"{got}/b#1",
                            f"{url}b[0000-{count - 1:04}]")
    sample = stage.time_commands([command], count * EACH)
    check_books(got, count)
    return sample


def libtorrent(stage):
    count = stage.lab.options.count
    torrent = programs.Torrent(stage, stage.lab.books(count, EACH), version=1)
    return torrent.time([torrent.leech()], [torrent.seed()], count * EACH)


def run(lab):
    rows = lab.measure([(COPY, arkshare("copy")), (MOVE, arkshare("move")), (RSYNC, rsync),
                        ("nginx, curl -Z 8", curl), ("libtorrent v1", libtorrent)])
    title = (f"{lab.options.count:,} books of {EACH >> 10} KiB, "
             f"{lab.options.count * EACH / MIB:.1f} MiB together")
    return [Report("small", title, rows, COPY, [
        Target("copy: time ÷ rsync", time_ratio(rows, COPY, RSYNC), at_most=1),
        Target("move: time ÷ rsync", time_ratio(rows, MOVE, RSYNC), at_most=3)])]
