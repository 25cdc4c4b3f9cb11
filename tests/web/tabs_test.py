#!/usr/bin/python3
"""Many tabs of one browser: one of them reads from the peer, the others follow it."""

import sys
import time

import browser
from browser import text_of, until, until_text, violations
from fixture import FakePeer, Fixture
from samples import entry, furnish

TABS = 12


def open_tabs(driver, server):
    driver.get(server.open_url)
    until_text(driver, "Peer 5")
    driver.get(f"{server.url}#/library")
    until_text(driver, "audio/Dune.m4b", ".rows")
    slowest = 0
    for _ in range(TABS - 1):
        driver.switch_to.new_window("tab")
        begun = time.monotonic()
        driver.get(f"{server.url}#/library")
        until_text(driver, "audio/Dune.m4b", ".rows")
        slowest = max(slowest, time.monotonic() - begun)
    print(f"{TABS} tabs, the slowest was there after {slowest:.2f} s")


def check_one_reader(driver, server):
    """Every tab shows the peer, and one stream of it is open."""
    streams = [call for call, _ in server.peer.calls if call == "PeerService/WatchOwn"]
    assert len(streams) == 1, f"{len(streams)} streams were opened"
    server.peer.put("library", [entry("aaa new.epub", 1)])
    for handle in driver.window_handles:
        driver.switch_to.window(handle)
        until_text(driver, "aaa new.epub", ".rows")


def find_leader(driver):
    for handle in driver.window_handles:
        driver.switch_to.window(handle)
        held = driver.execute_async_script(
            "const done = arguments[0]; navigator.locks.query().then((locks) => done("
            "locks.held.filter((l) => l.name === 'arkshare-leader').map((l) => l.clientId)))")
        own = driver.execute_async_script(
            "const done = arguments[0]; navigator.locks.request('own-' + Math.random(), async (lock) => "
            "{ const l = (await navigator.locks.query()).held.find((h) => h.name === lock.name); "
            "done(l.clientId); })")
        if own in held:
            return handle
    raise AssertionError("no tab leads")


def check_closed_leader(driver, server):
    leader = find_leader(driver)
    driver.switch_to.window(leader)
    driver.close()
    driver.switch_to.window(driver.window_handles[0])
    server.peer.put("library", [entry("aab after the leader.epub", 1)])
    begun = time.monotonic()
    until_text(driver, "aab after the leader.epub", ".rows")
    print(f"a new leader was there after {time.monotonic() - begun:.2f} s")
    assert leader not in driver.window_handles
    find_leader(driver)


def check_frozen_leader(driver, server):
    """A frozen tab keeps the lock and reads nothing: a visible tab takes over."""
    leader = find_leader(driver)
    driver.switch_to.window(leader)
    driver.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "frozen"})
    other = next(handle for handle in driver.window_handles if handle != leader)
    driver.switch_to.window(other)
    server.peer.put("library", [entry("aac while it is frozen.epub", 1)])
    begun = time.monotonic()
    until_text(driver, "aac while it is frozen.epub", ".rows", 60)
    print(f"a frozen leader was replaced after {time.monotonic() - begun:.2f} s")
    driver.switch_to.window(leader)
    driver.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "active"})
    # It follows again, and shows what it missed.
    server.peer.put("library", [entry("aad thawed.epub", 1)])
    until_text(driver, "aad thawed.epub", ".rows", 30)
    assert "aac while it is frozen.epub" in text_of(driver, ".rows")


def check_sign_out(driver, server):
    """Signing out in one tab signs out all of them."""
    driver.get(f"{server.url}#/settings")
    until_text(driver, "Sign out", "main")
    driver.execute_script("Array.from(document.querySelectorAll('button')).find("
                          "(b) => b.textContent === 'Sign out').click()")
    for handle in driver.window_handles:
        driver.switch_to.window(handle)
        until_text(driver, "arkshare-cli web")


def main():
    browser.require()
    server = Fixture(furnish(FakePeer()))
    with browser.browser() as driver:
        open_tabs(driver, server)
        check_one_reader(driver, server)
        check_closed_leader(driver, server)
        check_frozen_leader(driver, server)
        found = [wrong for handle in driver.window_handles
                 for wrong in (driver.switch_to.window(handle), violations(driver))[1]]
        check_sign_out(driver, server)
    # A second browser of the same owner reads for itself.
    with browser.browser() as driver:
        driver.get(server.open_url)
        until_text(driver, "Peer 5")
        found += violations(driver)
    print(f"{len(found)} errors in the tabs", *found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
