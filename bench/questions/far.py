"""A long, thin line: 100 Mbit/s with a round trip of 40 ms, the index at the far side."""

import net
import programs
from harness import MIB, need
from questions.small import EACH, check_books, names
from report import Report, Target, time_ratio

MBIT, ONE_WAY_MS = 100, 20
ARKSHARE, MOVE, CURL, RSYNC = "arkshare, copy", "arkshare, move", "nginx, curl", "rsync daemon"
LIBTORRENT = "libtorrent v1"


def over_line(contend, count, each):
    """A contender that gets `count` books of `each` bytes over a line of its own."""
    def run(stage):
        line = net.DelayLine(stage.lab, stage, MBIT, ONE_WAY_MS)
        return contend(stage, line, stage.lab.books(count, each), count, count * each)
    return run


def arkshare(policy):
    def contend(stage, line, books, count, size):
        lend = policy == "copy"
        share = programs.lend(stage, books) if lend else programs.give_away(stage, books)
        network = programs.Arkshare(stage, *line.far)
        namespace, address = line.far
        network.peer(share, "--policy", policy, namespace=namespace, address=address)
        network.wait_for_books(count)
        namespace, address = line.near
        receiver = network.peer(stage.new_folder("got"), namespace=namespace, address=address)
        wanted = receiver.get("b0000") if count == 1 else receiver.get_all(names(count))
        sample = stage.time_commands([wanted], size)
        check_books(receiver.folder, count, size // count)
        return sample
    return contend


def nginx_curl(stage, line, books, _count, size):
    url = programs.nginx(stage, books, *line.far)
    command = programs.curl("-o", stage.path("b0000"), url + "b0000")
    return stage.time_commands([(command, line.near[0])], size)


def libtorrent(stage, line, books, _count, size):
    torrent = programs.Torrent(stage, books, version=1)
    seed, leech = torrent.seed(*line.far), torrent.leech("got", *line.near)
    return torrent.time([leech], [seed], size)


def rsync(stage, line, books, _count, size):
    url = programs.rsync_daemon(stage, books, *line.far)
    command = [need("rsync"), "-r", url, stage.new_folder("got")]
    return stage.time_commands([(command, line.near[0])], size)


def run(lab):
    size, count = lab.options.size // 16, lab.options.count
    lab.say(f"  one book of {size // MIB} MiB:")
    rows = lab.measure([(name, over_line(contend, 1, size)) for name, contend in (
        (ARKSHARE, arkshare("copy")), (CURL, nginx_curl), (LIBTORRENT, libtorrent),
        (RSYNC, rsync))])
    line = f"{MBIT} Mbit/s, round trip {2 * ONE_WAY_MS} ms"
    reports = [Report("far", f"{size // MIB} MiB over {line}", rows, ARKSHARE, [
        Target("time ÷ nginx, curl", time_ratio(rows, ARKSHARE, CURL), at_most=1.03)])]
    lab.say(f"  {count} books of {EACH >> 10} KiB:")
    rows = lab.measure([(name, over_line(contend, count, EACH)) for name, contend in (
        (ARKSHARE, arkshare("copy")), (MOVE, arkshare("move")), (LIBTORRENT, libtorrent),
        (RSYNC, rsync))])
    reports.append(Report("far_small", f"{count:,} × {EACH >> 10} KiB over {line}", rows, ARKSHARE, [
        Target(f"{name}: time ÷ {LIBTORRENT}", time_ratio(rows, name, LIBTORRENT), at_most=1)
        for name in (ARKSHARE, MOVE)]))
    return reports
