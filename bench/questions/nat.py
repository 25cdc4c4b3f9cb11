"""The price of the relay: one book from a peer that cannot be dialled, an idle one, the first book over a
line, and how soon a peer behind a router is listed."""

import time

import net
import programs
from harness import GIB, KIB, MIB
from questions.small import check_books
from report import Report, Target, extra, row_of, speed_ratio

DIRECT, RELAYED = "direct", "through the relay"
FIRST, AGAIN = "first start", "restarted"
MBIT, ONE_WAY_MS = 100, 20
IDLE_SECONDS = 10
SMALL = KIB


def network_of(stage, namespace="default", address=programs.LOOPBACK):
    """A group whose index has a relay."""
    return programs.Arkshare(stage, namespace, address, index_options=["--relay", f"{address}:0"],
                             keys=True)


def source_of(network, relayed, share, namespace="default", address=programs.LOOPBACK):
    """A peer that lends; a relayed one says that it is at a port where no program listens."""
    hidden = ["--advertise", f"{address}:1", "--reach", "relay"] if relayed else []
    return network.peer(share, "--policy", "copy", *hidden, namespace=namespace, address="0.0.0.0"
                        if relayed else address)


def large(relayed):
    def contend(stage):
        size = stage.lab.options.size
        share = programs.lend(stage, stage.lab.books(1, size), keys=True)
        network = network_of(stage)
        source_of(network, relayed, share)
        network.wait_for_books(1)
        receiver = network.peer(stage.new_folder("got"))
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


def idle(relayed):
    def contend(stage):
        share = programs.lend(stage, stage.lab.books(1, SMALL), keys=True)
        network = network_of(stage)
        source_of(network, relayed, share)
        network.wait_for_books(1)
        before = sent_bytes(network.index_process)
        sample = stage.time(lambda: time.sleep(IDLE_SECONDS), 0)
        sample.extra = {"bytes a second": (sent_bytes(network.index_process) - before)
                        / sample.seconds}
        return sample
    return contend


def first(relayed):
    def contend(stage):
        line = net.DelayLine(stage.lab, stage, MBIT, ONE_WAY_MS)
        share = programs.lend(stage, stage.lab.books(1, SMALL), keys=True)
        (near, near_address), (far, far_address) = line.near, line.far
        network = network_of(stage, near, near_address)
        source_of(network, relayed, share, far, far_address)
        network.wait_for_books(1)
        receiver = network.peer(stage.new_folder("got"), namespace=near, address=near_address)
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
        hidden = ["--policy", "copy", "--advertise", f"{silent}:1", "--reach", "relay"]

        def start(member=False):
            peer = network.peer(share, *hidden, address="0.0.0.0", member=member)
            network.wait_for_books(1)
            return peer
        if again:
            start().process.end()
            network.controls.clear()
        return stage.time(lambda: start(member=again), 0)
    return contend


def both(contend):
    return [(DIRECT, contend(False)), (RELAYED, contend(True))]


def run(lab):
    rows = lab.measure(both(large))
    reports = [Report(
        "nat", f"one book of {lab.options.size // MIB:,} MiB, encrypted, through the relay of the index",
        rows, DIRECT, [
            Target("speed, relayed ÷ direct", speed_ratio(rows, RELAYED, DIRECT), at_least=0.8),
            Target("CPU-seconds of the relay a GiB", extra(rows, RELAYED, "CPU s of the index a GiB"),
                   at_most=0.6),
            Target("relayed: index grew MiB", extra(rows, RELAYED, "index grew MiB"), at_most=8)])]
    lab.forget_books()
    rows = lab.measure(both(idle))
    more = None
    if all(row_of(rows, name).samples for name in (DIRECT, RELAYED)):
        more = extra(rows, RELAYED, "bytes a second") - extra(rows, DIRECT, "bytes a second")
    reports.append(Report("nat_idle", f"an index and one peer that does nothing, {IDLE_SECONDS} s", rows,
                          DIRECT, [Target("more bytes a second, relayed", more, at_most=1)]))
    rows = lab.measure(both(first))
    later = [row_of(rows, name).seconds for name in (DIRECT, RELAYED)]
    trips = None if None in later else (later[1] - later[0]) * 1000 / (2 * ONE_WAY_MS)
    reports.append(Report(
        "nat_first", f"the first book of {SMALL} bytes from a source {2 * ONE_WAY_MS} ms away", rows,
        DIRECT, [Target("more round trips, relayed", trips, at_most=1.25)]))
    rows = lab.measure([(FIRST, listed(False)), (AGAIN, listed(True))])
    reports.append(Report(
        "nat_listed", "from the start of a peer behind a router to its book in the index", rows, FIRST,
        [Target("first start, listed after s", row_of(rows, FIRST).seconds, at_most=3),
         Target("restarted, listed after s", row_of(rows, AGAIN).seconds, at_most=1)]))
    return reports
