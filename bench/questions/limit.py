"""Whether --upload-limit and --download-limit hold: what passes loopback in ten seconds."""

import os
import re
import time

import programs
from harness import MIB
from report import Report, Target, extra

LIMITS_MIB = (5, 20, 100)
OF_LIMIT = "rate ÷ limit"
SETTLE_SECONDS = 3


def loopback_bytes(process):
    with open(f"/proc/{process.pid}/net/dev", encoding="ascii") as file:
        return int(re.search(r"lo:\s*(\d+)", file.read())[1])


def at_burst(process):
    """(time, bytes so far) as the next burst begins, or in half a second when there is no pause.

    A peer under a limit sends up to 1 MiB and sleeps: a window that ends in a burst would be off by it."""
    end, quiet, last = time.monotonic() + 0.5, False, loopback_bytes(process)
    while time.monotonic() < end:
        time.sleep(0.002)
        now = loopback_bytes(process)
        if quiet and now != last:
            break
        quiet, last = now == last, now
    return time.monotonic(), last


def limited(side, mib):
    """The receiver gets a book that lasts longer than the window, with one side limited."""
    def contend(stage):
        window = 5 if stage.lab.options.quick else 10
        share = stage.new_folder("share")
        with open(os.path.join(share, "b0000"), "wb") as file:
            file.truncate((window + 2 * SETTLE_SECONDS) * mib * MIB)  # Zeros are as good as any.
        option = [f"--{side}-limit", f"{mib}MiB/s"]
        network = programs.Arkshare(stage)
        source = network.peer(share, "--policy", "copy", *(option if side == "upload" else ()))
        receiver = network.peer(stage.new_folder("got"), *(option if side == "download" else ()))
        network.wait_for_books(1)
        stage.start(*receiver.get("b0000"))
        time.sleep(SETTLE_SECONDS)
        begin, before = at_burst(source.process)
        sample = stage.time(lambda: time.sleep(window), 0)
        end, after = at_burst(source.process)
        sample.seconds, sample.bytes = end - begin, after - before
        sample.extra = {OF_LIMIT: sample.mib_per_second / mib}
        return sample
    return contend


def run(lab):
    limits = LIMITS_MIB[1:2] if lab.options.quick else LIMITS_MIB
    contenders = [(f"{side} {mib} MiB/s", limited(side, mib))
                  for side in ("upload", "download") for mib in limits]
    rows = lab.measure(contenders)
    return [Report("limit", "limits, over windows of ten seconds", rows, contenders[0][0], [
        Target(f"{name}: {OF_LIMIT}", extra(rows, name, OF_LIMIT), at_least=0.97, at_most=1.03)
        for name, _ in contenders])]
