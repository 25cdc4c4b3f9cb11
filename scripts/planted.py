"""The report of planted mistakes, for the scripts that check the tree (--mistakes)."""


def report(results):
    """Prints a line for each (name, expected, wrong): `wrong` are the sentences that a check said,
    `expected` is a part of each of them, in order. Returns the exit code."""
    failed = 0
    for name, expected, wrong in results:
        good = len(wrong) == len(expected) and all(e in w for e, w in zip(expected, wrong))
        failed += not good
        print(f"{'ok' if good else 'WRONG'}: {name}: {wrong}")
    return 1 if failed else 0
