"""Whether the server is back to what it took before the stranger came, and what counts as back."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .watch import Sample, Watch

# The base is taken after a warm-up of the same attacks, so pools, tables and the allocator's arenas have
# been used once. mimalloc keeps pages that are partly used, and gives free ones back only when their
# thread allocates again, so RSS differs by more than 10 MiB between quiet moments of the same server. In
# an hour there are hundreds of thousands of connections of the stranger: 100 B lost by each would be
# beyond this share, or beyond 16 MiB, which is the least that is allowed.
GROWN_SHARE_MAX, GROWN_MIB_MAX = 0.25, 16.0
# Of a core, when only honest clients are left, and while the stranger waits.
CPU_PERCENT_MAX, BUSY_WHILE_WAITING_S_MAX = 20.0, 1.0
# Honest clients come and go, and a poll is over before the next one begins.
SLACK = 16
# Their history goes on until it is full.
LOG_GROWN_MIB_MAX = 1.0


@dataclass
class Base:
    """What the server took before."""

    sample: Sample
    # More memory than so much above that is a leak, unless it is a small share of it.
    grown_mib_max: float

    def resident_max(self) -> float:
        """The most that may be resident at the end, in MiB."""
        resident = self.sample.resident_mib
        return resident + max(self.grown_mib_max, GROWN_SHARE_MAX * resident)

    def beyond(self, now: Sample) -> list[str]:
        """What is not back to base, in words."""
        base = self.sample
        bounds = [
            ("CPU in %", now.cpu_percent, CPU_PERCENT_MAX),
            ("RSS in MiB", now.resident_mib, self.resident_max()),
            ("descriptors", now.descriptors, base.descriptors + SLACK),
            ("sockets", now.sockets, base.sockets + SLACK),
            ("connections", now.connections, base.connections + SLACK),
            ("channels", now.channels, base.channels + SLACK),
            ("history in MiB", now.log_mib, base.log_mib + LOG_GROWN_MIB_MAX),
        ]
        return [f"{what}: {found:,.1f}, at most {most:,.1f}" for what, found, most in bounds if found > most]


# A short run gives the server at least this long to be back.
BACK_WITHIN_S = 60


def settle(watch: Watch, held_s: float, base: Base | None) -> Sample:
    """What it takes when the stranger is gone.

    Waits until all that timeouts hold is over, which is `held_s`. Against a base, it may be back
    earlier, and after a short run on a busy machine later.
    """
    deadline = time.monotonic() + (held_s if base is None else max(held_s, BACK_WITHIN_S))
    while True:
        time.sleep(1)
        watch.alive()
        now = watch.sample()
        if time.monotonic() >= deadline or (base is not None and not base.beyond(now)):
            return now
