"""What machine this is and what it can do at best."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_name() -> str:
    """The processor's own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


@dataclass(frozen=True)
class Machine:
    """A machine and its measured limits.

    Args:
        processor: its name.
        cores: cores this process may use.
        gflops: fused multiply-adds from registers on all cores, in GFLOP/s (float32).
        gflops_1: the same on one core.
        copy: bytes touched by a copy on all cores -> GB/s read and written.
    """

    processor: str
    cores: int
    gflops: float
    gflops_1: float
    copy: dict[int, float]

    def bandwidth(self, size: float) -> float:
        """GB/s of a copy that touches `size` bytes: between two sizes measured, along a line over their logarithms."""
        sizes = sorted(self.copy)
        size = min(max(size, sizes[0]), sizes[-1])
        upper = next(touched for touched in sizes if touched >= size)
        lower = max((touched for touched in sizes if touched <= size), default=upper)
        part = math.log(size / lower) / math.log(upper / lower) if upper > lower else 0.0
        return self.copy[lower] + part * (self.copy[upper] - self.copy[lower])

    def best(self, other: Machine) -> Machine:
        """The better of two measurements of the same machine."""
        copy = {size: max(rate, other.copy[size]) for size, rate in self.copy.items()}
        return replace(
            self, gflops=max(self.gflops, other.gflops), gflops_1=max(self.gflops_1, other.gflops_1), copy=copy
        )

    def least_seconds(self, flops: float, size: float) -> float:
        """The shortest time for work of `flops` operations over `size` bytes: the longer of arithmetic and memory."""
        return max(flops / self.gflops, size / self.bandwidth(size)) * 1e-9

    def describe(self) -> dict[str, object]:
        """For the JSON file."""
        return asdict(self) | {"python": platform.python_version(), "system": platform.platform()}


def measure(threads: int | None = None) -> Machine:
    """Compiles and runs `peak.cpp` on so many threads, all cores by default; RuntimeError without a C++ compiler."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        raise RuntimeError("The machine's peak is measured by a C++ program, but no compiler was found (set CXX).")
    cores = threads or usable_cores()
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "peak")
        source = str(Path(__file__).with_name("peak.cpp"))
        flags = ["-O3", "-march=native", "-ffp-contract=fast", "-std=c++20", "-pthread"]
        subprocess.run([compiler, *flags, source, "-o", program], check=True)
        runs = [json.loads(subprocess.check_output([program, str(cores)], text=True)) for _ in range(5)]
    copy = {int(size): max(run["copy"][size] for run in runs) for size in runs[0]["copy"]}
    best = {name: max(run[name] for run in runs) for name in ("gflops", "gflops_1")}
    return Machine(processor_name(), cores, best["gflops"], best["gflops_1"], copy)
