"""An honest client's calls before, during and after an attack."""

import collections

DEADLINE_MS = 5_000  # what a call that failed counts as, at least
BIN_SECONDS = 0.5
# A half second after the attack is good when no call has failed and the median of a kind is at most this
# many times its p99 before, or this many milliseconds.
WELL_FACTOR, WELL_MS = 2, 20
BEFORE, DURING, AFTER = "before", "during", "after"


class Phases:
    """Samples of (kind, time of the tick, seconds, whether it was answered), and when the attack was."""

    def __init__(self, samples, begin, end):
        self._begin, self._end = begin, end
        self._ms, self._failed = collections.defaultdict(list), collections.Counter()
        self._after = collections.defaultdict(list)  # (kind, bin) -> [(ms, answered)]
        self._last_bin = 0
        for kind, tick, seconds, answered in samples:
            ms = seconds * 1000 if answered else max(seconds * 1000, DEADLINE_MS)
            phase = BEFORE if tick < begin else DURING if tick < end else AFTER
            self._ms[kind, phase].append(ms)
            self._failed[kind, phase] += not answered
            if phase == AFTER:
                number = int((tick - end) / BIN_SECONDS)
                self._after[kind, number].append((ms, answered))
                self._last_bin = max(self._last_bin, number)
        for values in self._ms.values():
            values.sort()

    def quantile(self, kind, phase, share):
        """Milliseconds; None without a sample."""
        values = self._ms[kind, phase]
        return values[min(len(values) - 1, int(len(values) * share))] if values else None

    def failed(self, kind, phase=DURING):
        return self._failed[kind, phase]

    def ratio(self, kind, share=0.99):
        """How many times as long a call takes during the attack as before it."""
        before, during = (self.quantile(kind, phase, share) for phase in (BEFORE, DURING))
        return during / before if before and during else None

    def seconds_until_well(self):
        """From the attack's end until all kinds are as before; infinite when that was not seen."""
        last_bad = max((number for (kind, number), samples in self._after.items()
                        if not self._is_well(kind, samples)), default=-1)
        # The client stops in the last one or two half seconds, so these may be short.
        return float("inf") if last_bad >= max(self._last_bin - 1, 0) else (last_bad + 1) * BIN_SECONDS

    def _is_well(self, kind, samples):
        if not all(answered for _, answered in samples):
            return False
        before = self.quantile(kind, BEFORE, 0.99)
        middle = sorted(ms for ms, _ in samples)[len(samples) // 2]
        return before is None or middle <= max(WELL_FACTOR * before, WELL_MS)
