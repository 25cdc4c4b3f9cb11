"""The owner's page: how soon it is there, how it follows changes, and what it costs the peer."""

import contextlib
import dataclasses
import os
import pathlib
import time

import page
from harness import KIB, MIB, Failed, Missing
from page import median_ms, opened, quantile
from report import Report, Target

try:
    import grpc
except ImportError:
    grpc = None

STREAMS = 10
CALLS = 1_000
PAINTS = 5
LETTERS = 30
WISHES = 20
LONGEST_SECONDS = 900
# Files that get another name at a time, and the pause before the next ones: 2,000 changes a second.
RENAMED, RENAME_EVERY = 250, 0.25


@dataclasses.dataclass
class Sizes:
    """The books of the peer, files that are dropped, and how long each look takes."""
    rows: int = 100_000
    files: int = 10_000
    change_seconds: float = 8
    idle_seconds: float = 60  # the peer looks at its folder once a minute, so it does that once
    most_rows: int = 1_000_000


def sizes_of(options):
    if options.smoke:
        return Sizes(200, 20, 1, 1, 2_000)
    small = {"rows": 10_000, "files": 1_000} if options.quick else {}
    return Sizes(**small, most_rows=options.rows)


# From a change of the field to the rows that it leads to. Returns milliseconds.
FILTER = """
const done = arguments[0], table = document.querySelector('ark-table'), times = [];
const field = document.querySelector('.toolbar input[type=search]');
(async () => {
  for (let i = 0; i < 10; ++i) {
    const words = i % 2 ? '' : `book 00000${i}`, before = table.order.keys.length, begun = performance.now();
    field.value = words;
    field.dispatchEvent(new Event('input'));
    while (table.order.keys.length === before) await new Promise((resolve) => setTimeout(resolve, 1));
    times.push(performance.now() - begun);
  }
  done(times);
})()"""
# The same for a search, whose results come from the index.
SEARCH = """
const [first, count, done] = arguments, table = document.querySelector('ark-table'), times = [];
const field = document.getElementById('search');
(async () => {
  for (let i = first; i < first + count; ++i) {
    const name = `book ${String(i).padStart(6, '0')}`, begun = performance.now();
    field.value = name;
    field.dispatchEvent(new Event('input'));
    while (!(table.order.keys.length === 1 && table.body.innerText.includes(name))) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    times.push(performance.now() - begun);
  }
  done(times);
})()"""
COUNT_CHANGES = """
window.changes = 0;
document.querySelector('ark-table').order.store.listen(({put, gone}) => {
  changes += put.length + gone.length;
});"""


def call_figures(scene, calls):
    """Milliseconds of a call through the bridge, and over gRPC from the same language."""
    channel = grpc.insecure_channel(scene.peer.control)
    direct = channel.unary_unary("/arkshare.v1.PeerService/GetStatus")

    def timed(call):
        times = []
        for _ in range(CALLS):
            begun = time.perf_counter()
            call()
            times.append(time.perf_counter() - begun)
        return median_ms(times)
    bridged, plain = timed(lambda: calls.call("GetStatus")), timed(lambda: direct(b""))
    channel.close()
    return bridged, plain


def stream_figure(scene, calls):
    """KiB of the peer for one stream."""
    before = scene.process.reset_peak()
    streams = [calls.open_stream("WatchOwn", {"status": True}) for _ in range(STREAMS)]
    grown = scene.process.reset_peak() - before
    for stream in streams:
        stream.close()
    return grown / STREAMS / KIB


def upload_figure(scene, calls):
    """MB a second of a large file that is added."""
    size = scene.stage.lab.options.size // 4
    source = os.path.join(scene.stage.lab.books(1, size), "b0000")
    begun = time.monotonic()
    calls.put("large.bin", source)
    return size / 1e6 / (time.monotonic() - begun)


def library_figures(opened_page):
    """The library as it is opened, and a filter in it."""
    opened_page.load("library")
    opened_page.wait("return marks.all", "all rows", 300)
    opened_page.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    return {"first row": opened_page.js("return marks.first"), "all rows": opened_page.js("return marks.all"),
            "heap": opened_page.metric("JSHeapUsedSize") / 1e6,
            "elements": opened_page.js("return document.querySelectorAll('*').length"),
            "filter": quantile(opened_page.driver.execute_async_script(FILTER), 0.5)}


def change_figures(opened_page, scene, seconds):
    """Changes a second that reach the page, and the share of its main thread that they take."""
    opened_page.js(COUNT_CHANGES)
    shelf = os.path.join(scene.books, "shelf 000")
    names = sorted(os.listdir(shelf))[:RENAMED]
    busy, begun = opened_page.metric("TaskDuration"), time.monotonic()
    turn = 0
    while time.monotonic() < begun + seconds:
        turn += 1
        for name in names:
            old, new = (name, f"moved {name}") if turn % 2 else (f"moved {name}", name)
            os.rename(os.path.join(shelf, old), os.path.join(shelf, new))
        time.sleep(max(0.0, begun + turn * RENAME_EVERY - time.monotonic()))
    passed = time.monotonic() - begun
    share = (opened_page.metric("TaskDuration") - busy) / passed
    return opened_page.js("return changes") / passed, share * 100


def told_figure(opened_page, calls):
    """Milliseconds from the answer to a change of the peer until it is on the screen."""
    opened_page.go("wishes")
    opened_page.js("""window.seen = {};
        new MutationObserver(() => {
          for (const cell of document.querySelectorAll('.rows .row:not([hidden]) .c-name'))
            seen[cell.textContent] ??= Date.now();
        }).observe(document.querySelector('.rows'), {subtree: true, childList: true, attributes: true,
                                                     characterData: true});""")
    times = []
    for number in range(WISHES):
        words = f"wish {number:02}"
        wish = calls.call("AddWish", {"keywords": words})["wish"]
        answered = time.time() * 1000
        seen = opened_page.wait(f"return seen['{words}']", words)
        times.append(max(0.0, seen - answered))
        calls.call("RemoveWish", {"wishId": wish["wishId"]})
    return quantile(times, 0.95)


def drop_figure(opened_page, scene, count):
    """Seconds until small files that were dropped on the page are shared."""
    folder = scene.stage.new_folder("dropped")
    for number in range(count):
        with open(os.path.join(folder, f"new {number:05}.txt"), "w", encoding="ascii") as file:
            file.write(f"dropped {number}")
    opened_page.wait("return document.querySelector('.shade') !== null", "the page listens")
    begun = time.monotonic()
    opened_page.drop(folder)
    opened_page.press("Add")
    opened_page.wait("return document.querySelector('.toasts').innerText.includes('shared now')",
                     "all are shared", 300)
    return time.monotonic() - begun


def idle_figure(scene, seconds):
    """The share of a processor that the peer uses while nothing happens."""
    before = scene.process.cpu()
    time.sleep(seconds)
    return (scene.process.cpu() - before) / seconds * 100


def measure(scene, sizes, found):
    alone = idle_figure(scene, sizes.idle_seconds)
    resident = scene.process.reset_peak()
    calls = scene.sign_in()
    found["idle"] = (scene.process.reset_peak() - resident) / MIB
    found["call"], found["direct"] = call_figures(scene, calls)
    found["stream"] = stream_figure(scene, calls)
    found["upload"] = upload_figure(scene, calls)
    calls.rest()
    paints = []
    for _ in range(PAINTS):
        with opened(scene) as cold:
            paints.append(cold.first_paint())
            found["bytes"], found["requests"] = cold.cost()
    found["paint"] = quantile(paints, 0.5)
    with opened(scene) as shown:
        found.update(library_figures(shown))
        shown.load("library")
        shown.wait("return marks.all", "all rows")
        found["CPU"] = max(0.0, idle_figure(scene, sizes.idle_seconds) - alone)
        found["changes"], found["main thread"] = change_figures(shown, scene, sizes.change_seconds)
        shown.go("search")
        found["letters"] = quantile(shown.driver.execute_async_script(SEARCH, sizes.rows // 2, LETTERS), 0.95)
        found["told"] = told_figure(shown, calls)
        found["dropped"] = drop_figure(shown, scene, sizes.files)


def figures_of(stage, look):
    """A sample with what `look` finds."""
    found = {}

    def checked():
        try:
            look(found)
        except AssertionError as error:  # the page did not do what it should
            raise Failed(str(error)) from error
    sample = stage.time(checked, 0, limit=LONGEST_SECONDS)
    sample.extra = found
    return sample


def the_page(stage):
    sizes = sizes_of(stage.lab.options)
    scene = page.PeerWithPage(stage, sizes.rows)
    return figures_of(stage, lambda found: measure(scene, sizes, found))


def the_largest_library(stage):
    options = stage.lab.options
    built = pathlib.Path(options.bin).parent / "services/peer/web/arkshare_peer_page.page"
    with contextlib.closing(page.PeerOfRows(sizes_of(options).most_rows, built)) as scene:
        def look(found):
            with opened(scene) as shown:
                found.update(library_figures(shown))
        return figures_of(stage, look)


def run(lab):
    page.need_browser()
    if grpc is None:
        raise Missing("python3-grpcio is not installed")
    sizes = sizes_of(lab.options)
    count, files, most = sizes.rows, sizes.files, sizes.most_rows
    largest = f"a library of {most:,} rows of a fixture"
    rows = lab.measure([("the page", the_page), (largest, the_largest_library)])
    found, in_largest = (row.samples[0].extra if row.samples else {} for row in rows)
    wanted = (
        ("first paint in a new browser, ms", "paint", 300, None),
        ("the page, bytes with gzip", "bytes", 45_000, None),
        ("requests for it", "requests", 25, None),
        (f"first row of a library of {count:,} books, ms", "first row", 600, None),
        (f"all {count:,} rows, ms", "all rows", 2_500, None),
        ("heap of JavaScript with them, MB", "heap", 30, None),
        ("elements", "elements", 1_500, None),
        ("filter of them, ms", "filter", 50, None),
        ("changes a second that were shown", "changes", None, None),
        ("main thread meanwhile, %", "main thread", 10, None),
        (f"from a letter to results among {count:,} names, p95 ms", "letters", 150, None),
        ("from a change of the peer to the screen, p95 ms", "told", 400, None),
        ("a call through the bridge, from Python, ms", "call", None, None),
        ("the same over gRPC, from Python, ms", "direct", None, None),
        ("memory of the peer for an open page, MiB", "idle", 3, None),
        ("memory of the peer for a stream, KiB", "stream", 300, None),
        ("CPU of the peer for an open page while nothing happens, %", "CPU", 0.2, None),
        ("a large file added by PUT, MB/s", "upload", None, 200),
        (f"{files:,} small files dropped, s", "dropped", 60, None))
    targets = [Target(text, found.get(key), at_most=highest, at_least=least)
               for text, key, highest, least in wanted]
    targets += [Target(f"{text}, of {largest}", in_largest.get(key), at_most=highest)
                for text, key, highest in (("all rows, ms", "all rows", 20_000),
                                           ("heap of JavaScript, MB", "heap", 200),
                                           ("elements", "elements", 1_500), ("filter, ms", "filter", 300))]
    if found:
        targets.append(Target("the bridge over gRPC alone, ms", max(0.0, found["call"] - found["direct"]),
                              at_most=0.3))
    lines = [[one.text, one.wanted, "—" if one.value is None else f"{one.value:,.2f}", one.verdict]
             for one in targets]
    if found:
        lines.append(["what others used of the machine meanwhile, %", "",
                      f"{rows[0].samples[0].noise * 100:.0f}", ""])
    return [Report("web", f"the owner's page of a peer with {count:,} books, in headless Chromium", rows,
                   "the page", targets, table=(["", "wanted", "measured", ""], lines))]
