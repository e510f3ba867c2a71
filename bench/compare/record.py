"""What the load tool reports: its JSON, and the figures that count here."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Record:
    """One run of the load tool."""

    raw: dict[str, Any]

    @property
    def reasons(self) -> list[str]:
        """Why the run did not pass; empty when it did."""
        verdict = self.raw["verdict"]
        if verdict == "passed":
            return ["interrupted"] if self.raw["interrupted"] else []
        return list(verdict["failed"])

    @property
    def client_limited(self) -> str | None:
        return self.raw["client_limited"]

    def figure(self, group: str, name: str) -> float | None:
        for figure in self.raw["summary"]:
            if (figure["group"], figure["name"]) == (group, name):
                return figure["value"]
        return None

    def latency_ms(self, name: str, percentile: str) -> float | None:
        for latency in self.raw["latencies"]:
            if latency["name"] == name:
                return latency[f"{percentile}_us"] / 1e3
        return None

    @property
    def connected_at_s(self) -> float:
        """When the last connection was there, in seconds since 1970."""
        return self.raw["started_unix_ms"] / 1e3 + (self.figure("Connections", "time to connect all") or 0.0)


def cpu_until(samples: list[tuple[float, float]], at_s: float) -> float | None:
    """CPU from the first sample to the first one after a moment, of (time, CPU seconds so far)."""
    for time_s, cpu_s in samples:
        if time_s >= at_s:
            return cpu_s - samples[0][1]
    return None
