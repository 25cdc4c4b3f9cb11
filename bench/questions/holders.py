"""Two holders whose uploads are limited: does a receiver get the sum of both?"""

import os

import programs
from harness import MIB
from questions.small import check_books
from report import Report, Target, row_of

LIMIT_MIB = 20


def arkshare(holders):
    def contend(stage):
        size = stage.lab.options.size // 4
        books = stage.lab.books(1, size)
        network = programs.Arkshare(stage)
        for number in range(holders):
            # Each holder has a folder of its own, with the same file.
            share = stage.new_folder(f"share{number}")
            os.link(os.path.join(books, "b0000"), os.path.join(share, "b0000"))
            network.peer(share, "--policy", "copy", "--upload-limit", f"{LIMIT_MIB}MiB/s")
        network.wait_for_books(holders)
        receiver = network.peer(stage.new_folder("got"))
        sample = stage.time_commands([receiver.get("b0000")], size)
        check_books(receiver.folder, 1, size)
        return sample
    return contend


def run(lab):
    rows = lab.measure([("two holders", arkshare(2)), ("one holder", arkshare(1))])
    return [Report("holders", f"two holders limited to {LIMIT_MIB} MiB/s each", rows, "two holders", [
        Target("MiB/s from two", row_of(rows, "two holders").median(lambda s: s.mib_per_second),
               at_least=38)])]
