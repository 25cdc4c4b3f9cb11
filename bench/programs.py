"""How each program is started, with the settings that are fair to it. Everything happens on a stage."""

import os
import subprocess

from harness import MIB, START_TIMEOUT, Missing, Stage, alarm, need

LOOPBACK = "127.0.0.1"
PYTHON = "/usr/bin/python3"  # Debian's, which has its libtorrent


class Arkshare:
    """An index, and peers that share folders. `index` is the address of one that runs already.

    With `keys` they are a group, and everything is encrypted."""

    def __init__(self, stage, namespace="default", address=LOOPBACK, index=None, index_options=(),
                 keys=False):
        self.stage, self.namespace, self.index, self.word = stage, namespace, index, None
        self.cli = stage.lab.program("arkshare-cli")
        self.controls = []
        if index is None:
            program = stage.lab.program("arkshare-index")
            home = stage.new_folder("home") if keys else None
            self.index_process = stage.start(
                [program, "--listen", f"{address}:0",
                 *(["--home", home] if keys else ["--insecure"]), *index_options],
                namespace, pipe=True)
            self.index = self.index_process.read_line("serving address=")
            if keys:
                invite = stage.start([program, "invite", "--home", home, "--address", self.index,
                                      "--uses", "10"], namespace, pipe=True)
                self.word = "ark1" + invite.read_line("ark1")

    def peer(self, folder, *options, namespace="default", address=LOOPBACK, member=False):
        """A peer; a `member` was in this group before."""
        return Peer(self, folder, options, namespace, address, member)

    def wait_for_books(self, count):
        """Until the index lists `count` books."""
        member = ["--peer", self.controls[0]] if self.word else []
        watch = self.stage.start([self.cli, "--index", self.index, *member, "--json", "watch"],
                                 self.namespace, pipe=True)
        with alarm(START_TIMEOUT):
            for _ in range(count):
                watch.read_line(containing='"book_listed"')
        watch.end()


class Peer:
    """One arkshare-peer; its control socket is in the folder of the stage."""

    def __init__(self, arkshare, folder, options, namespace, address, member=False):
        self.arkshare, self.folder, stage = arkshare, folder, arkshare.stage
        self.namespace = namespace
        self.control = f"unix:{stage.path(f'c{len(stage.processes)}')}/c.sock"
        arkshare.controls.append(self.control)
        # A folder that was shared before may be in the group of another run.
        entry = (["--index", arkshare.index, "--insecure"] if not arkshare.word
                 else [] if member else ["--leave", "--join", arkshare.word])
        self.process = stage.start(
            [stage.lab.program("arkshare-peer"), *entry, "--share", folder,
             "--control", self.control, "--listen", f"{address}:0", *options],
            namespace, pipe=True)
        self.address = self.process.read_line("serving address=")

    def get(self, *names):
        """The command (for Stage.time_commands) by which this peer gets books."""
        return [self.arkshare.cli, "--peer", self.control, "get", *names], self.namespace

    def get_all(self, names):
        """The same for everything that peer 1 has: at once where the CLI can."""
        if "--all" in subprocess.run([self.arkshare.cli, "get", "--help"], capture_output=True,
                                     text=True, check=False).stdout:
            return self.get("--from", "1", "--all")
        return self.get(*names)


def lend(stage, books, keys=False):
    """A folder with the same files that a peer may share with --policy copy; hashed only once. A peer with
    keys has one of its own, because it becomes a member of a group."""
    folder = books + (".lent-by-key" if keys else ".lent")
    if not os.path.isdir(folder):
        os.mkdir(folder)
        for name in os.listdir(books):
            os.link(os.path.join(books, name), os.path.join(folder, name))
        with Stage(stage.lab) as own:
            arkshare = Arkshare(own)
            arkshare.peer(folder, "--policy", "copy")
            arkshare.wait_for_books(len(os.listdir(books)))
    return folder


def give_away(stage, books):
    """A folder with copies of the files, which a peer may move."""
    folder = stage.new_folder("give")
    for name in os.listdir(books):
        # Not shutil: it would share the blocks of the file where the file system can.
        with open(os.path.join(books, name), "rb") as old, \
                open(os.path.join(folder, name), "wb") as new:
            while data := old.read(MIB):
                new.write(data)
    return folder


def raw_tcp(stage, path, namespace="default", address=LOOPBACK):
    """Sends a file to each connection; returns the arguments IP and PORT of a receiver."""
    port = stage.lab.free_port()
    sender = stage.start([stage.lab.program("arkshare-bench-raw-tcp"), "send", path, address,
                          str(port)], namespace)
    sender.wait_until_listening(port)
    return [address, str(port)]


_NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
  sendfile on;
  access_log off;
  default_type application/octet-stream;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp;
  scgi_temp_path tmp;
  server {{ listen {address}:{port}{ssl}; root {root}; {certificate} }}
}}
"""
_NGINX_TLS = "ssl_protocols TLSv1.3; ssl_certificate cert.pem; ssl_certificate_key key.pem;"


def nginx(stage, root, namespace="default", address=LOOPBACK, tls=False):
    """Serves a folder, with TLS 1.3 only if `tls` is set; returns its URL."""
    port, folder = stage.lab.free_port(), stage.new_folder("nginx")
    with open(os.path.join(folder, "conf"), "w", encoding="ascii") as file:
        file.write(_NGINX.format(address=address, port=port, root=root, ssl=" ssl" if tls else "",
                                 certificate=_NGINX_TLS if tls else ""))
    if tls:
        stage.run([need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout",
                   os.path.join(folder, "key.pem"), "-out", os.path.join(folder, "cert.pem")])
    server = stage.start([need("nginx"), "-p", folder, "-e", "stderr", "-c", "conf"], namespace)
    server.wait_until_listening(port)
    return f"http{'s' if tls else ''}://{address}:{port}/"


def curl(*args):
    return [need("curl"), "-s", "-f", *args]


_RSYNCD = """
use chroot = no
reverse lookup = no
[books]
path = {root}
read only = yes
{owner}
"""


def rsync_daemon(stage, root, namespace="default", address=LOOPBACK):
    """Serves a folder; returns its URL."""
    port, config = stage.lab.free_port(), stage.path("rsyncd.conf")
    owner = "uid = root\ngid = root" if os.geteuid() == 0 else ""
    with open(config, "w", encoding="ascii") as file:
        file.write(_RSYNCD.format(root=root, owner=owner))
    server = stage.start([need("rsync"), "--daemon", "--no-detach", f"--config={config}",
                          f"--address={address}", f"--port={port}"], namespace)
    server.wait_until_listening(port)
    return f"rsync://{address}:{port}/books/"


class Torrent:
    """A torrent over a folder of books (or over its one book), and the processes that share it."""

    def __init__(self, stage, books, version):
        if subprocess.run([PYTHON, "-c", "import libtorrent"], capture_output=True,
                          check=False).returncode != 0:
            raise Missing("python3-libtorrent is not installed")
        self.stage, self.torrent = stage, f"{books}.v{version}.torrent"
        names = os.listdir(books)
        self.what = os.path.join(books, names[0]) if len(names) == 1 else books
        self.program = os.path.join(os.path.dirname(__file__), "torrent.py")
        if not os.path.exists(self.torrent):
            stage.run([PYTHON, self.program, "make", str(version), self.what, self.torrent])

    def seed(self, namespace="default", address=LOOPBACK):
        return self._start("seed", os.path.dirname(self.what), namespace, address)

    def leech(self, name="got", namespace="default", address=LOOPBACK):
        return self._start("leech", self.stage.new_folder(name), namespace, address)

    def _start(self, role, folder, namespace, address):
        process = self.stage.start([PYTHON, self.program, role, self.torrent, folder,
                                    address], namespace, pipe=True)
        process.address = process.read_line("ready ")
        return process

    def time(self, leeches, sources, size):
        """Times the leeches, which fetch from the sources and from each other."""
        def fetch():
            for number, leech in enumerate(leeches):
                leech.say(" ".join(p.address for p in [*sources, *leeches[:number]]))
            for leech in leeches:
                leech.read_line("done")
        return self.stage.time(fetch, size)
