"""Runs programs side by side and measures them: time, CPU, memory, and what else used the machine.

A question (questions/*.py) is a list of contenders. A contender is a function of a Stage: it starts
what it needs there, times one thing, and returns a Sample. Whatever a stage started ends with it, and
its folder goes. Everything lives in memory (/dev/shm), so that no disk is measured.
"""

import contextlib
import ctypes
import dataclasses
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TICK = os.sysconf("SC_CLK_TCK")
# A run during which others used more of the machine than this is repeated.
NOISE_LIMIT = 0.08
# A run that takes longer than this is neither warmed up for nor repeated.
SLOW_SECONDS = 20
RUN_TIMEOUT = 180
START_TIMEOUT = 60
# The memory that a run may need beside the bytes that it brings, and the most that is touched before it.
SPARE_MEMORY = 256 * MIB
MOST_TOUCHED = 4 * GIB

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000


class Missing(Exception):
    """A program or a right that a contender needs is not here: its row is a dash."""


class Failed(Exception):
    """A program did not do what it was started for."""


def check(done, why):
    if not done:
        raise Failed(why)


def need(program):
    """The path of an installed program."""
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        raise Missing(f"{program} is not installed")
    return path


@dataclasses.dataclass
class Sample:
    """One run."""
    seconds: float
    cpu: float = 0.0  # seconds, user and system, of all programs that took part
    noise: float = 0.0  # share of the machine that others used meanwhile
    bytes: int = 0
    extra: dict = dataclasses.field(default_factory=dict)  # label -> number

    @property
    def mib_per_second(self):
        return self.bytes / MIB / self.seconds


@dataclasses.dataclass
class Row:
    """All runs of one contender, in the order of the rounds."""
    name: str
    samples: list = dataclasses.field(default_factory=list)
    missing: str = ""

    @property
    def seconds(self):
        return statistics.median(s.seconds for s in self.samples) if self.samples else None

    @property
    def noisy(self):
        return any(s.noise > NOISE_LIMIT for s in self.samples)

    def median(self, of):
        return statistics.median(map(of, self.samples)) if self.samples else None


def _enter(namespace):
    """Runs in the child, before exec: it ends with us however we end, and is in the namespace."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if namespace is not None:
        fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        if _libc.setns(fd, _CLONE_NEWNET) != 0:
            os._exit(126)
        os.close(fd)


def _stat_fields(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()


def _our_cpu():
    """CPU seconds: of all processes beneath this one, living or ended, and of this one itself."""
    parents, used = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                fields = _stat_fields(entry)
                parents[int(entry)] = int(fields[1])
                used[int(entry)] = sum(map(int, fields[11:15])) / TICK
    me, total = os.getpid(), 0.0
    for pid in used:
        above = pid
        while above in parents and above != me:
            above = parents[above]
        if above == me and pid != me:
            total += used[pid]
    # The times of ended children that we waited for, and of this process: finer than ticks.
    times = os.times()
    return total + times.children_user + times.children_system, times.user + times.system


def _machine():
    """CPU seconds since the machine started: while it was busy, and all."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, idle, iowait, irq, softirq, steal = (
            int(ticks) / TICK for ticks in file.readline().split()[1:9])
    busy = user + nice + system + irq + softirq + steal
    return busy, busy + idle + iowait


class Process:
    """A program that was started on a stage."""

    def __init__(self, stage, args, namespace=None, pipe=False, env=None):
        self.name, self.namespace = os.path.basename(args[0]), namespace
        self.log_path = stage.path(f"{len(stage.processes)}-{self.name}.log")
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen(
                args, stdin=subprocess.PIPE if pipe else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe else log, stderr=log, text=True, env=env,
                cwd=stage.folder, preexec_fn=lambda: _enter(namespace))
        self.pid = self.popen.pid
        stage.processes.append(self)

    def whole_log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log(self):
        return self.whole_log()[-2000:]

    def fail(self, why):
        raise Failed(f"{self.name} {why}:\n{self.log()}")

    def wait(self):
        if self.popen.wait() != 0:
            self.fail(f"ended with {self.popen.returncode}")

    def read_line(self, prefix="", containing=""):
        """Reads its output up to a line that begins and contains these; returns the text after `prefix`."""
        for line in self.popen.stdout:
            if line.startswith(prefix) and containing in line:
                return line[len(prefix):].strip()
        self.popen.wait()
        return self.fail("ended before it was ready")

    def say(self, line):
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def wait_until_listening(self, port):
        wanted = re.compile(rf":{port:04X} [0-9A-F]+:0000 0A ")
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end:
            for table in ("tcp", "tcp6"):
                with open(f"/proc/{self.pid}/net/{table}", encoding="ascii") as file:
                    if wanted.search(file.read()):
                        return
            if self.popen.poll() is not None:
                break
            time.sleep(0.005)
        self.fail(f"does not listen on {port}")

    def end(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def cpu(self):
        """CPU seconds so far, user and system, of this process alone."""
        return sum(map(int, _stat_fields(self.pid)[11:13])) / TICK

    # Memory

    def reset_peak(self):
        """Forgets the peak so far; returns the resident bytes now."""
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/clear_refs", "w",
                                                encoding="ascii") as file:
            file.write("5")
        return self._status("VmRSS")

    def peak(self):
        return self._status("VmHWM")

    def _status(self, key):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(re.search(rf"{key}:\s+(\d+) kB", file.read())[1]) * 1024


class Stage:
    """Where one run happens. Use it in a `with`; `lab` is what outlives it."""

    def __init__(self, lab):
        self.lab, self.processes = lab, []

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="s", dir=self.lab.folder)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def new_folder(self, name):
        os.mkdir(self.path(name), 0o700)
        return self.path(name)

    def start(self, args, namespace="default", **options):
        """Starts a program; its own namespace, or the lab's."""
        where = self.lab.namespace if namespace == "default" else namespace
        return Process(self, args, where, **options)

    def run(self, args, namespace="default"):
        """Runs a program to its end; not timed."""
        self.start(args, namespace).wait()

    def time(self, action, size, limit=RUN_TIMEOUT):
        """Times `action()`; `size` is how many bytes it brings, `limit` how many seconds it may take."""
        self._touch_memory(min(2 * size + SPARE_MEMORY, MOST_TOUCHED))
        (busy, total), (theirs, mine) = _machine(), _our_cpu()
        begin = time.monotonic()
        with alarm(limit):
            action()
        seconds = time.monotonic() - begin
        theirs_now, mine_now = _our_cpu()
        busy_now, total_now = _machine()
        cpu = theirs_now - theirs
        others = busy_now - busy - cpu - (mine_now - mine)
        return Sample(seconds, cpu, max(0.0, others / max(total_now - total, 1 / TICK)), size)

    def _touch_memory(self, size):
        """Makes the machine own the memory that is used next.

        The host of a virtual one takes back what is free, and the first write to each page then costs
        five times as much as all else."""
        path, zeros = self.path("touched"), bytes(16 * MIB)
        with open(path, "wb") as file:
            for _ in range(0, size, len(zeros)):
                file.write(zeros)
        os.unlink(path)

    def time_commands(self, commands, size):
        """Times commands that start together, until the last one has ended.

        A command is a list of arguments, or a pair of that and a namespace."""
        def run():
            started = [self.start(*(c if isinstance(c, tuple) else (c,))) for c in commands]
            for process in started:
                process.wait()
        return self.time(run, size)


@contextlib.contextmanager
def alarm(seconds):
    """Raises Failed in the body when it takes longer."""
    def ring(*_):
        raise Failed(f"not done after {seconds} s")
    previous = signal.signal(signal.SIGALRM, ring)
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, outer)
        signal.signal(signal.SIGALRM, previous)


def figures_of(process):
    """The KEY=VALUE lines that a program prints until it ends."""
    pairs = [line.strip().split("=", 1) for line in process.popen.stdout if "=" in line]
    process.wait()
    return {key: float(value) for key, value in pairs}


def own_name(name):
    """Returns a name for things that must not be left over: it shows whose they are."""
    return f"arkshare-bench-{os.getpid()}-{name}"


def remove_leftovers(folder, remove):
    """Calls `remove` for the paths in `folder` that runs which were killed have left."""
    for entry in os.listdir(folder) if os.path.isdir(folder) else ():
        owner = re.match(r"arkshare-bench-(\d+)-", entry)
        if owner and not os.path.exists(f"/proc/{owner[1]}"):
            remove(os.path.join(folder, entry))


class Lab:
    """Outlives a run: the options, a folder in memory, the books, the namespaces.

    `cleanup`, an ExitStack of the caller's, undoes what it began."""

    def __init__(self, options, cleanup):
        self.options, self.cleanup, self.namespace = options, cleanup, None
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
        remove_leftovers(base, lambda path: shutil.rmtree(path, ignore_errors=True))
        self.folder = tempfile.mkdtemp(prefix=own_name(""), dir=base)
        cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._ports = set()

    def program(self, name):
        path = os.path.join(self.options.bin, name)
        if not os.path.exists(path):
            raise Missing(f"{name} is not built")
        return path

    def books(self, count, size):
        """A folder with `count` random files of `size` bytes, named b0000, b0001 ...; made once."""
        folder = os.path.join(self.folder, f"books-{count}-{size}")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            for number in range(count):
                with open(os.path.join(folder, f"b{number:04}"), "wb") as file:
                    for begin in range(0, size, 16 * MIB):
                        file.write(os.urandom(min(16 * MIB, size - begin)))
        return folder

    def forget_books(self):
        """Frees the memory that books() and shares of them took."""
        for entry in os.listdir(self.folder):
            shutil.rmtree(os.path.join(self.folder, entry), ignore_errors=True)

    def free_port(self):
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            if port not in self._ports:
                self._ports.add(port)
                return port

    def say(self, text):
        print(text, flush=True)

    def measure(self, contenders):
        """Rows for [(name, function of a stage)]: A B C A B C ..., after a round that is dropped.

        The rounds stop early when the time for one question is over."""
        rows = [Row(name) for name, _ in contenders]
        end = time.monotonic() + self.options.seconds
        for number in range(self.options.rounds + 1):
            for row, (_, contend) in zip(rows, contenders):
                slow = bool(row.samples) and row.samples[0].seconds > SLOW_SECONDS
                if row.missing or slow or (row.samples and time.monotonic() > end):
                    continue
                try:
                    sample = self._quietest(row.name, contend, warm_up=number == 0)
                except (Missing, Failed) as error:
                    row.missing = str(error)
                    self.say(f"  {row.name}: {error}")
                    continue
                if number > 0 or sample.seconds > SLOW_SECONDS or self.options.rounds == 0:
                    row.samples.append(sample)
        return rows

    def _quietest(self, name, contend, warm_up):
        """One run; a noisy one is repeated, and the quietest counts."""
        best = None
        for _ in range(1 if warm_up else 1 + self.options.patience):
            with Stage(self) as stage:
                sample = contend(stage)
            noisy = sample.noise > NOISE_LIMIT
            self.say(f"  {name}: {sample.seconds:.3f} s, {sample.cpu:.2f} CPU-s"
                     + (f", others used {sample.noise:.0%} of the machine" if noisy else "")
                     + (" (warm-up)" if warm_up else ""))
            if best is None or sample.noise < best.noise:
                best = sample
            if not noisy or sample.seconds > SLOW_SECONDS:
                break
        return best
