"""One holder, one book: from the command to the verified book in the receiver's library."""

import os

import programs
from harness import GIB, MIB, need
from questions.small import check_books
from report import Report, Target, extra, row_of, speed_ratio

TITLE = "one book from one holder, verified and named in the library"


def arkshare(policy, keys=False):
    def contend(stage):
        size, books = stage.lab.options.size, stage.lab.books(1, stage.lab.options.size)
        lend = policy == "copy"
        share = programs.lend(stage, books, keys) if lend else programs.give_away(stage, books)
        network = programs.Arkshare(stage, keys=keys)
        source = network.peer(share, "--policy", policy)
        receiver = network.peer(stage.new_folder("got"))
        network.wait_for_books(1)
        start = [p.process.reset_peak() for p in (source, receiver)]
        sample = stage.time_commands([receiver.get("b0000")], size)
        source_grew, receiver_grew = (
            (p.process.peak() - before) / MIB for p, before in zip((source, receiver), start))
        sample.extra = {"source grew MiB": source_grew, "receiver grew MiB": receiver_grew}
        check_books(receiver.folder, 1, size)
        return sample
    return contend


def raw_tcp(stage):
    size = stage.lab.options.size
    where = programs.raw_tcp(stage, os.path.join(stage.lab.books(1, size), "b0000"))
    receiver = stage.lab.program("arkshare-bench-raw-tcp")
    return stage.time_commands([[receiver, "file", *where, stage.path("b0000")]], size)


def raw_tcp_verified(stage):
    size = stage.lab.options.size
    where = programs.raw_tcp(stage, os.path.join(stage.lab.books(1, size), "b0000"))
    receiver = stage.lab.program("arkshare-bench-raw-tcp")
    return stage.time_commands(
        [[receiver, "verify", *where, stage.path("b0000"), str(size)]], size)


def nginx_curl(stage):
    size = stage.lab.options.size
    url = programs.nginx(stage, stage.lab.books(1, size))
    return stage.time_commands([programs.curl("-o", stage.path("b0000"), url + "b0000")], size)


def nginx_curl_openssl(stage):
    size = stage.lab.options.size
    url = programs.nginx(stage, stage.lab.books(1, size))
    fetch = " ".join(programs.curl("-o", "b0000", url + "b0000"))
    both = f"{fetch} && exec {need('openssl')} dgst -sha256 b0000"
    return stage.time_commands([["/bin/sh", "-c", both]], size)


def libtorrent(stage):
    size = stage.lab.options.size
    torrent = programs.Torrent(stage, stage.lab.books(1, size), version=2)
    seed, leech = torrent.seed(), torrent.leech()
    return torrent.time([leech], [seed], size)


def rsync(stage):
    size = stage.lab.options.size
    url = programs.rsync_daemon(stage, stage.lab.books(1, size))
    return stage.time_commands([[need("rsync"), url + "b0000", stage.path("b0000")]], size)


def aria2(stage):
    size = stage.lab.options.size
    url = programs.nginx(stage, stage.lab.books(1, size))
    return stage.time_commands([[need("aria2c"), "-q", "--file-allocation=none", "-d", stage.folder,
                                 "-o", "b0000", url + "b0000"]], size)


COPY, MOVE, BOUND = "arkshare, copy", "arkshare, move", "raw TCP × 2, our hasher"
CONTENDERS = [
    (COPY, arkshare("copy")), (MOVE, arkshare("move")), ("raw TCP", raw_tcp),
    (BOUND, raw_tcp_verified), ("nginx, curl", nginx_curl),
    ("nginx, curl, openssl dgst", nginx_curl_openssl),
    ("libtorrent v2", libtorrent), ("rsync daemon", rsync), ("nginx, aria2c", aria2)]


def run(lab):
    if lab.options.smoke:
        rows = lab.measure([c for c in CONTENDERS if c[0] in (COPY, MOVE, "raw TCP")])
        return [Report("one", TITLE, rows, COPY)]
    rows = lab.measure(CONTENDERS)
    copy = row_of(rows, COPY)
    cpu = copy.median(lambda s: s.cpu)
    grew = "source grew MiB", "receiver grew MiB"
    targets = [
        Target("speed ÷ nginx, curl, openssl dgst",
               speed_ratio(rows, COPY, "nginx, curl, openssl dgst"), at_least=2.5),
        Target("speed ÷ libtorrent v2", speed_ratio(rows, COPY, "libtorrent v2"), at_least=3),
        Target("speed ÷ nginx, curl", speed_ratio(rows, COPY, "nginx, curl"), at_least=1.5),
        Target("speed ÷ raw TCP", speed_ratio(rows, COPY, "raw TCP"), at_least=0.65),
        Target(f"speed ÷ {BOUND}", speed_ratio(rows, COPY, BOUND)),
        Target("CPU-seconds a GiB, both sides", cpu and cpu * GIB / lab.options.size, at_most=1.2),
        *(Target(f"{name}: {label}", extra(rows, name, label), at_most=96)
          for name in (COPY, MOVE) for label in grew)]
    title = f"{TITLE}, {lab.options.size // MIB:,} MiB"
    reports = [Report("one", title, rows, COPY, targets)]
    if lab.options.large:
        lab.forget_books()
        lab.options.size *= 4
        large = lab.measure([(COPY, arkshare("copy"))])
        reports.append(Report(
            "one_large", f"the same with {lab.options.size // MIB:,} MiB", large, COPY,
            [Target(label, extra(large, COPY, label), at_most=96) for label in grew]))
    return reports
