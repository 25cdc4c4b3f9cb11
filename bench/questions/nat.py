"""The price of the relay: one book from a peer that cannot be dialled, an idle one, the first book over a
line, and how soon a peer behind a router is listed."""

import time

import net
import programs
from harness import GIB, KIB, MIB
from questions.small import check_books
from report import Report, Target, extra, row_of, speed_ratio

DIRECT, RELAYED, CALLED = "direct", "through the relay", "called back"
FIRST, AGAIN = "first start", "restarted"
MBIT, ONE_WAY_MS = 100, 20
IDLE_SECONDS = 10
SMALL = KIB


def network_of(stage, namespace="default", address=programs.LOOPBACK):
    """A group whose index has a relay."""
    return programs.Arkshare(stage, namespace, address, index_options=["--relay", f"{address}:0"],
                             keys=True)


def hidden(is_hidden, address=programs.LOOPBACK):
    """The options of a peer, and where it listens. A hidden one says that it is at a port where no
    program listens, so only the relay reaches it."""
    if not is_hidden:
        return [], address
    return ["--advertise", f"{address}:1", "--reach", "relay"], "0.0.0.0"


def source_of(network, is_hidden, share, namespace="default", address=programs.LOOPBACK):
    """A peer that lends."""
    options, listen = hidden(is_hidden, address)
    return network.peer(share, "--policy", "copy", *options, namespace=namespace, address=listen)


def receiver_of(network, stage, way, namespace="default", address=programs.LOOPBACK):
    """One that can be dialled has hidden sources called back to it."""
    options, listen = hidden(way == RELAYED, address)
    return network.peer(stage.new_folder("got"), *options, namespace=namespace, address=listen)


def large(way):
    def contend(stage):
        size = stage.lab.options.size
        share = programs.lend(stage, stage.lab.books(1, size), keys=True)
        network = network_of(stage)
        source_of(network, way != DIRECT, share)
        network.wait_for_books(1)
        receiver = receiver_of(network, stage, way)
        cpu = network.index_process.cpu()
        start = network.index_process.reset_peak()
        sample = stage.time_commands([receiver.get("b0000")], size)
        sample.extra = {
            "CPU s of the index a GiB": (network.index_process.cpu() - cpu) * GIB / size,
            "index grew MiB": (network.index_process.peak() - start) / MIB}
        check_books(receiver.folder, 1, size)
        return sample
    return contend


def sent_bytes(process):
    """Bytes that were sent over the loopback of the process."""
    with open(f"/proc/{process.pid}/net/dev", encoding="ascii") as file:
        return next(int(line.split()[9]) for line in file if line.strip().startswith("lo:"))


def idle(way):
    def contend(stage):
        share = programs.lend(stage, stage.lab.books(1, SMALL), keys=True)
        network = network_of(stage)
        source_of(network, way != DIRECT, share)
        network.wait_for_books(1)
        before = sent_bytes(network.index_process)
        sample = stage.time(lambda: time.sleep(IDLE_SECONDS), 0)
        sample.extra = {"bytes a second": (sent_bytes(network.index_process) - before)
                        / sample.seconds}
        return sample
    return contend


def first(way):
    def contend(stage):
        line = net.DelayLine(stage.lab, stage, MBIT, ONE_WAY_MS)
        share = programs.lend(stage, stage.lab.books(1, SMALL), keys=True)
        (near, near_address), (far, far_address) = line.near, line.far
        network = network_of(stage, near, near_address)
        source_of(network, way != DIRECT, share, far, far_address)
        network.wait_for_books(1)
        receiver = receiver_of(network, stage, way, near, near_address)
        sample = stage.time_commands([receiver.get("b0000")], SMALL)
        check_books(receiver.folder, 1, SMALL)
        return sample
    return contend


def listed(again):
    """From the start of a peer behind a router, which drops what it has not asked for, to its book in
    the index; `again`: it was there before."""
    def contend(stage):
        silent = net.add_silent_address(stage.lab)
        share = programs.give_away(stage, stage.lab.books(1, SMALL))
        network = network_of(stage)
        options, listen = hidden(True, silent)

        def start(member=False):
            peer = network.peer(share, "--policy", "copy", *options, address=listen, member=member)
            network.wait_for_books(1)
            return peer
        if again:
            start().process.end()
            network.controls.clear()
        return stage.time(lambda: start(member=again), 0)
    return contend


def each(contend, ways=(DIRECT, RELAYED, CALLED)):
    return [(way, contend(way)) for way in ways]


def run(lab):
    rows = lab.measure(each(large))
    reports = [Report(
        "nat", f"one book of {lab.options.size // MIB:,} MiB, encrypted, through the relay of the index",
        rows, DIRECT, [
            Target("speed, relayed ÷ direct", speed_ratio(rows, RELAYED, DIRECT), at_least=0.8),
            Target("CPU-seconds of the relay a GiB", extra(rows, RELAYED, "CPU s of the index a GiB"),
                   at_most=0.6),
            Target("relayed: index grew MiB", extra(rows, RELAYED, "index grew MiB"), at_most=8),
            Target("speed, called back ÷ direct", speed_ratio(rows, CALLED, DIRECT), at_least=0.8),
            Target("called back: CPU-seconds of the relay a GiB",
                   extra(rows, CALLED, "CPU s of the index a GiB"), at_most=0.05)])]
    lab.forget_books()
    rows = lab.measure(each(idle, (DIRECT, RELAYED)))
    more = None
    if all(row_of(rows, name).samples for name in (DIRECT, RELAYED)):
        more = extra(rows, RELAYED, "bytes a second") - extra(rows, DIRECT, "bytes a second")
    reports.append(Report("nat_idle", f"an index and one peer that does nothing, {IDLE_SECONDS} s", rows,
                          DIRECT, [Target("more bytes a second, relayed", more, at_most=1)]))
    rows = lab.measure(each(first))
    begun = row_of(rows, DIRECT).seconds

    def trips(way):
        later = row_of(rows, way).seconds
        return None if None in (begun, later) else (later - begun) * 1000 / (2 * ONE_WAY_MS)
    reports.append(Report(
        "nat_first", f"the first book of {SMALL} bytes from a source {2 * ONE_WAY_MS} ms away", rows,
        DIRECT, [Target("more round trips, relayed", trips(RELAYED), at_most=1.25),
                 Target("more round trips, called back", trips(CALLED))]))
    rows = lab.measure([(FIRST, listed(False)), (AGAIN, listed(True))])
    reports.append(Report(
        "nat_listed", "from the start of a peer behind a router to its book in the index", rows, FIRST,
        [Target("first start, listed after s", row_of(rows, FIRST).seconds, at_most=3),
         Target("restarted, listed after s", row_of(rows, AGAIN).seconds, at_most=1)]))
    return reports
