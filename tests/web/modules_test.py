#!/usr/bin/python3
"""Runs the tests of the page's modules that have no DOM, in a browser (unit/all.js)."""

import sys

import browser
from fixture import Fixture


def main():
    browser.require()
    server = Fixture()
    with browser.browser() as driver:
        driver.get(f"{server.url}tests/unit/index.html")
        results = browser.until(lambda: driver.execute_script("return window.testResults"),
                                f"the tests end; {browser.violations(driver)}")
        wrong = [result for result in results if result["error"]]
        for result in results:
            print("FAILED" if result["error"] else "ok    ", result["name"], result["error"])
        wrong += browser.violations(driver)
        print(f"{len(results)} tests, {len(wrong)} failed")
        return 1 if wrong or len(results) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
