"""The wire alone: generated messages over our servers and channels, nothing verified, nothing written."""

import os

import programs
from harness import MIB
from questions.one import raw_tcp
from report import Report, Target, speed_ratio

TITLE = "the unverified wire, from a file in memory into memory"
WIRE, PLAIN, RAW = "arkshare's wire", "the same, malloc as it comes", "raw TCP, into a file"


def wire(*options):
    def contend(stage):
        size, program = stage.lab.options.size, stage.lab.program("arkshare-bench-wire")
        book = os.path.join(stage.lab.books(1, size), "b0000")
        sender = stage.start([program, *options, "send", book, "127.0.0.1:0"], pipe=True)
        address = sender.read_line("serving address=")
        return stage.time_commands([[program, *options, "drop", address]], size)
    return contend


def raw_tcp_into_memory(stage):
    size = stage.lab.options.size
    where = programs.raw_tcp(stage, os.path.join(stage.lab.books(1, size), "b0000"))
    receiver = stage.lab.program("arkshare-bench-raw-tcp")
    return stage.time_commands([[receiver, "drop", *where]], size)


def run(lab):
    rows = lab.measure([(WIRE, wire()), (PLAIN, wire("--plain-malloc")), (RAW, raw_tcp),
                        ("raw TCP, into memory", raw_tcp_into_memory)])
    return [Report("wire", f"{TITLE}, {lab.options.size // MIB:,} MiB", rows, WIRE, [
        Target("speed ÷ raw TCP, into a file", speed_ratio(rows, WIRE, RAW), at_least=0.9)])]
