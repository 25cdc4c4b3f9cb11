"""The price of keys: one large book and many small ones, beside plaintext and other encrypted programs;
connections to the index, and how it is found again by all of them."""

import os
import time

import programs
import secure
from harness import GIB, MIB, check, figures_of, need
from questions import one, small
from questions.small import check_books
from report import Report, Target, extra, row_of, speed_ratio, time_ratio

KEYS, PLAIN = "arkshare, keys", "arkshare, plaintext"
NGINX, SYNCTHING = "nginx TLS 1.3, curl, openssl dgst", "Syncthing"
CONNECTIONS = 1000


def nginx_curl_openssl(stage):
    size = stage.lab.options.size
    url = programs.nginx(stage, stage.lab.books(1, size), tls=True)
    fetch = " ".join(programs.curl("-k", "-o", "b0000", url + "b0000"))
    both = f"{fetch} && exec {need('openssl')} dgst -sha256 b0000"
    return stage.time_commands([["/bin/sh", "-c", both]], size)


def syncthing(stage):
    size = stage.lab.options.size
    books, got = stage.new_folder("shared"), stage.new_folder("got")
    os.link(os.path.join(stage.lab.books(1, size), "b0000"), os.path.join(books, "b0000"))
    source = secure.Syncthing(stage, "source", books)
    receiver = secure.Syncthing(stage, "receiver", got)
    sender = source.start(receiver, "sendonly")
    # Its start, the hash of the book at the source, and the handshake are not timed.
    sender.read_line(containing="Completed initial scan")
    process = receiver.start(source, "receiveonly")
    process.read_line(containing="Established secure connection")

    def fetch():
        while not os.path.exists(os.path.join(got, "b0000")):
            check(process.popen.poll() is None, "Syncthing ended")
            time.sleep(0.005)
    sample = stage.time(fetch, size)
    check_books(got, 1, size)
    return sample


def scp(stage):
    size = stage.lab.options.size
    fetch = " ".join([*secure.scp(stage, os.path.join(stage.lab.books(1, size), "b0000")), "b0000"])
    both = f"{fetch} && exec {need('openssl')} dgst -sha256 b0000"
    return stage.time_commands([["/bin/sh", "-c", both]], size)


def connections(keys):
    """Clients that connect to an index, stay, and come back after it was killed."""
    def contend(stage):
        network = programs.Arkshare(stage, keys=keys, index_options=["--connections", "0"])
        index = network.index_process
        member = []
        if keys:
            files = stage.path("tls")
            stage.run([stage.lab.program("arkshare-index"), "members", "add", "bench", "--role",
                       "watcher", "--tls", files, "--home", stage.path("home")])
            member = [os.path.join(files, "cert.pem"), os.path.join(files, "key.pem")]
        before = index.reset_peak()
        cpu = index.cpu()
        client = stage.start([stage.lab.program("arkshare-bench-key-connections"), network.index,
                              str(CONNECTIONS), *member], pipe=True)

        def connect():
            client.read_line("connected")
        sample = stage.time(connect, 0)
        grown = index.reset_peak() - before
        used = index.cpu() - cpu
        index.popen.kill()
        index.popen.wait()
        restarted = stage.start([*index.popen.args[:1], "--listen", network.index,
                                 *index.popen.args[3:]], pipe=True)
        restarted.read_line("serving address=")
        client.say("again")
        sample.extra = {"connections a second": CONNECTIONS / sample.seconds,
                        "KiB of the index a connection": grown / 1024 / CONNECTIONS,
                        "ms of the index's CPU a connection": used * 1000 / CONNECTIONS,
                        "all back after s": figures_of(client)["back_seconds"]}
        return sample
    return contend


def run(lab):
    rows = lab.measure([(KEYS, one.arkshare("copy", keys=True)), (PLAIN, one.arkshare("copy")),
                        (NGINX, nginx_curl_openssl), (SYNCTHING, syncthing),
                        ("scp, openssl dgst", scp)])
    cpu = row_of(rows, KEYS).median(lambda s: s.cpu)
    large = Report("trust", f"one book of {lab.options.size // MIB:,} MiB, encrypted", rows, KEYS, [
        Target(f"speed ÷ {SYNCTHING}", speed_ratio(rows, KEYS, SYNCTHING), at_least=1),
        Target(f"speed ÷ {NGINX}", speed_ratio(rows, KEYS, NGINX), at_least=1.3),
        Target("speed ÷ plaintext", speed_ratio(rows, KEYS, PLAIN)),
        Target("CPU-seconds a GiB, both sides", cpu and cpu * GIB / lab.options.size)])
    lab.forget_books()
    rows = lab.measure([(KEYS, small.arkshare("copy", keys=True)), (PLAIN, small.arkshare("copy"))])
    many = Report("trust_small", f"{lab.options.count:,} books of {small.EACH >> 10} KiB, encrypted",
                  rows, KEYS, [Target("time ÷ plaintext", time_ratio(rows, KEYS, PLAIN))])
    rows = lab.measure([(KEYS, connections(True)), (PLAIN, connections(False))])
    labels = list(rows[0].samples[0].extra) if rows[0].samples else []
    crowd = Report("trust_connections", f"{CONNECTIONS:,} clients connect to the index, which is then "
                   "killed and comes back", rows, KEYS,
                   [Target(f"{name}: {label}", extra(rows, name, label))
                    for name in (KEYS, PLAIN) if row_of(rows, name).samples for label in labels])
    return [large, many, crowd]
