"""Asks redis-server and PostgreSQL what the index is asked: which peers have the book of a name."""

import glob
import os
import pwd
import re
import shutil

from harness import Missing, Sample, need

PER_SECOND = "a second"
NAMES, HOLDERS = 100_000, 10
CLIENTS = 16
SECONDS = 5


def redis(command, fill=()):
    """The rate of one command of redis-benchmark, whose keys are chosen by chance; no persistence."""
    def contend(stage):
        port = str(stage.lab.free_port())
        server = stage.start([need("redis-server"), "--port", port, "--bind", "127.0.0.1",
                              "--save", ""])
        server.wait_until_listening(int(port))

        def ask(requests, *words):
            bench = stage.start([need("redis-benchmark"), "-p", port, "-c", str(CLIENTS), "-n",
                                 str(requests), "-r", str(NAMES), "--csv", *words], pipe=True)
            return float(re.search(r'","([0-9.]+)"', bench.read_line(containing=words[0]))[1])
        if fill:
            ask(NAMES * HOLDERS, *fill)
        rate = ask(NAMES, *command)
        return Sample(NAMES / rate, extra={PER_SECOND: rate})
    return contend


def _postgres_program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    if not found:
        raise Missing("PostgreSQL is not installed")
    return found[-1]


def _as_postgres(stage, folder):
    """PostgreSQL does not run as root: what to begin its commands with."""
    if os.geteuid() != 0:
        return []
    try:
        owner = pwd.getpwnam("postgres")
    except KeyError as error:
        raise Missing("there is no user postgres") from error
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    for above in (stage.lab.folder, stage.folder):
        os.chmod(above, 0o711)
    return [need("setpriv"), f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def postgres(stage):
    """Holders by exact name, by prepared statements of pgbench; no durability, everything in memory."""
    initdb = _postgres_program("initdb")
    folder = stage.new_folder("postgres")
    owner = _as_postgres(stage, folder)
    stage.run([*owner, initdb, "-D", folder, "-A", "trust", "-U", "bench", "--no-sync"])
    port = str(stage.lab.free_port())
    server = stage.start([*owner, _postgres_program("postgres"), "-D", folder, "-p", port, "-h",
                          "127.0.0.1", "-k", "", "-F"])
    server.wait_until_listening(int(port))
    who = ["-h", "127.0.0.1", "-p", port, "-U", "bench", "postgres"]
    stage.run([need("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-c", f"""
        CREATE TABLE holdings AS SELECT 'volume ' || i % {NAMES} || ' of many.epub' AS name, i AS peer
            FROM generate_series(1, {NAMES * HOLDERS}) AS i;
        CREATE INDEX ON holdings (name);""", "-c", "VACUUM ANALYZE holdings", *who])
    script = stage.path("lookup.sql")
    with open(script, "w", encoding="ascii") as file:
        file.write(f"\\set n random(0, {NAMES - 1})\n"
                   "SELECT peer FROM holdings WHERE name = 'volume ' || :n || ' of many.epub';\n")
    bench = stage.start([_postgres_program("pgbench"), "-n", "-M", "prepared", "-f", script, "-c",
                         str(CLIENTS), "-T", str(SECONDS), *who], pipe=True)
    rate = float(bench.read_line("tps = ").split()[0])
    shutil.rmtree(folder, ignore_errors=True)
    return Sample(NAMES / rate, extra={PER_SECOND: rate})
