"""One source, five receivers that all want the same book at once; until the last of them has it."""

import os

import net
import programs
from harness import MIB
from questions.small import check_books
from report import Report, Target, extra, speed_ratio

RECEIVERS = 5
RATE_MBIT = 400
UPLOADED, OF_BOUND = "source sent ÷ book", "time ÷ bound"
ARKSHARE, CURL, TORRENT = "arkshare", "nginx, 5 curl", "libtorrent v1 swarm"
LEAST = "raw TCP × 2, our hasher, five times"


class Place:
    """The places of the programs: all on loopback, or one namespace each."""

    def __init__(self, switch=None):
        self.switch = switch
        self.hub = ("default", programs.LOOPBACK)
        self.nodes = [self.hub] * (RECEIVERS + 1)
        if switch is not None:
            self.hub, self.nodes = (switch.hub, switch.hub_address), switch.nodes

    def measured(self, sample_of, size):
        """The sample of a run, with what the source sent meanwhile."""
        if self.switch is None:
            return sample_of()
        before = self.switch.sent(0)
        sample = sample_of()
        bound = size * 8 / (RATE_MBIT * 1e6)
        sample.extra = {UPLOADED: (self.switch.sent(0) - before) / size,
                        OF_BOUND: sample.seconds / bound}
        return sample


def arkshare(stage, place, size):
    share = programs.lend(stage, stage.lab.books(1, size))
    network = programs.Arkshare(stage, *place.hub)
    (namespace, address), *others = place.nodes
    network.peer(share, "--policy", "copy", namespace=namespace, address=address)
    receivers = [network.peer(stage.new_folder(f"got{number}"), "--policy", "copy",
                              namespace=namespace, address=address)
                 for number, (namespace, address) in enumerate(others)]
    network.wait_for_books(1)
    sample = place.measured(lambda: stage.time_commands([r.get("b0000") for r in receivers],
                                                        size * RECEIVERS), size)
    for receiver in receivers:
        check_books(receiver.folder, 1, size)
    return sample


def raw_tcp_verified(stage, _, size):
    where = programs.raw_tcp(stage, os.path.join(stage.lab.books(1, size), "b0000"))
    receiver = stage.lab.program("arkshare-bench-raw-tcp")
    commands = [[receiver, "verify", *where, stage.path(f"got{number}"), str(size)]
                for number in range(RECEIVERS)]
    return stage.time_commands(commands, size * RECEIVERS)


def nginx_curl(stage, place, size):
    (namespace, address), *others = place.nodes
    url = programs.nginx(stage, stage.lab.books(1, size), namespace, address) + "b0000"
    commands = [(programs.curl("-o", stage.path(f"got{number}"), url), namespace)
                for number, (namespace, _) in enumerate(others)]
    return place.measured(lambda: stage.time_commands(commands, size * RECEIVERS), size)


def libtorrent(stage, place, size):
    torrent = programs.Torrent(stage, stage.lab.books(1, size), version=1)
    seed = torrent.seed(*place.nodes[0])
    leeches = [torrent.leech(f"got{number}", *node) for number, node in enumerate(place.nodes[1:])]
    return place.measured(lambda: torrent.time(leeches, [seed], size * RECEIVERS), size)


def at(contend, place, size):
    return lambda stage: contend(stage, place, size)


def run(lab):
    size = lab.options.size // 4
    contenders = [(ARKSHARE, arkshare), (CURL, nginx_curl), (TORRENT, libtorrent)]
    lab.say(f"  on loopback, {size // MIB} MiB:")
    place = Place()
    rows = lab.measure([(name, at(contend, place, size))
                        for name, contend in contenders + [(LEAST, raw_tcp_verified)]])
    reports = [Report("swarm_loopback", f"{size // MIB} MiB to five receivers, on loopback", rows,
                      ARKSHARE, [Target("speed ÷ nginx, 5 curl", speed_ratio(rows, ARKSHARE, CURL),
                                        at_least=1),
                                 Target(f"speed ÷ {LEAST}", speed_ratio(rows, ARKSHARE, LEAST))])]
    lab.say(f"  six namespaces, {RATE_MBIT} Mbit/s each:")
    place = Place(net.Switch(lab, RECEIVERS + 1, f"{RATE_MBIT}mbit"))
    rows = lab.measure([(name, at(contend, place, size)) for name, contend in contenders])
    title = (f"{size // MIB} MiB to five receivers, {RATE_MBIT} Mbit/s each way for each "
             f"(bound {size * 8 / (RATE_MBIT * 1e6):.2f} s)")
    reports.append(Report("swarm", title, rows, ARKSHARE, [
        Target("speed ÷ libtorrent swarm", speed_ratio(rows, ARKSHARE, TORRENT), at_least=1),
        Target(OF_BOUND, extra(rows, ARKSHARE, OF_BOUND)),
        Target(UPLOADED, extra(rows, ARKSHARE, UPLOADED))]))
    return reports
