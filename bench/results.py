"""The times of one case, library by library."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from bench.machine import Machine


@dataclass
class Result:
    """What was measured for one case.

    Args:
        name: its short name.
        title: what the report calls it.
        flops: floating-point operations of one step.
        bytes: bytes one step must touch.
        targets: library -> ratio that is asked for.
        rated: the library whose time gives GFLOP/s, GB/s and the share of the peak.
        seconds: library -> seconds a step, one entry a round or call.
        errors: library -> why it took no part.
    """

    name: str
    title: str
    flops: float
    bytes: float
    targets: dict[str, float] = field(default_factory=dict)
    rated: str = "gemmule"
    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def as_json(self, limits: Machine) -> dict[str, Any]:
        """What the files hold: every library's median and minimum, rates, and the peers' medians over gemmule's."""
        libraries = {
            library: {"median": statistics.median(times), "min": min(times), "runs": len(times)}
            for library, times in self.seconds.items()
            if times
        }
        row: dict[str, Any] = {"name": self.name, "title": self.title, "flops": self.flops, "bytes": self.bytes}
        row |= {"libraries": libraries, "targets": self.targets, "errors": self.errors}
        if self.rated in libraries:
            seconds = libraries[self.rated]["median"]
            row["gflops"] = self.flops / seconds * 1e-9
            row["gbytes"] = self.bytes / seconds * 1e-9
            row["share_of_peak"] = limits.least_seconds(self.flops, self.bytes) / seconds
        if "gemmule" in libraries:
            own = libraries["gemmule"]["median"]
            row["ratios"] = {k: v["median"] / own for k, v in libraries.items() if not k.startswith("gemmule")}
        return row
