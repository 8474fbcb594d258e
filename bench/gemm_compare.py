"""Matrix products against MKL and OpenBLAS: `python -m bench.gemm_compare [--json FILE]`.

Needs a C compiler, and the libraries as packages: `mkl` for MKL, `scipy-openblas32` for OpenBLAS (else NumPy's own).
Every library runs in a process of its own, since idle threads of one would take the cores of another. The processes
take turns; each turn loops in C over one product whose operands are not packed beforehand.
"""

from __future__ import annotations

import argparse
import ctypes
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np

PEERS = ("gemmule", "mkl", "openblas")
PAUSE = 0.25  # seconds between turns: Intel's idle threads spin for 0.2


@dataclass(frozen=True)
class Product:
    """out (M, N) = op(a) · op(b), and the least ratio to each library that gemmule promises."""

    name: str
    kind: str
    m: int
    n: int
    k: int
    mkl: float | None = None
    openblas: float | None = None

    @property
    def flops(self) -> float:
        return 2.0 * self.m * self.n * self.k


PRODUCTS = [
    *(Product("square", "NN", n, n, n, mkl=0.9, openblas=1.0) for n in (512, 1024, 2048)),
    Product("forward", "NN", 32, 300, 784, openblas=1.2),
    Product("forward", "NN", 32, 100, 300, openblas=1.2),
    Product("forward", "NN", 32, 10, 100),
    Product("dX", "NT", 32, 784, 300, mkl=1.7),
    Product("dX", "NT", 32, 300, 100, mkl=1.7),
    Product("dW", "TN", 784, 300, 32, openblas=1.0),
    Product("dW", "TN", 300, 100, 32, openblas=1.0),
    Product("one row", "NN", 1, 300, 784),
    Product("one row", "NN", 1, 100, 300),
    Product("one row", "NN", 1, 10, 100),
]

Timer = Callable[[bool, bool, np.ndarray, np.ndarray, np.ndarray, int], list[float]]


# ---- Workers: one process for each library -------------------------------------------------------------------------


def gemmule_timer() -> Timer:
    """gemmule's own loop, over the kernel that the engine runs."""
    from gemmule import _native

    def run(ta: bool, tb: bool, out: np.ndarray, a: np.ndarray, b: np.ndarray, repeats: int) -> list[float]:
        attributes = {"transpose_a": ta, "transpose_b": tb, "activation": "linear", "alpha": 0.0}
        return _native.time_kernel("gemm", [out], [a, b, None, None], attributes, repeats)

    return run


def blas_timer(library: str) -> Timer:
    """The loop of `gemm_loop.c` over a library's sgemm."""
    function, wide = load_sgemm(library)
    loop = compile_loop().time_sgemm

    def run(ta: bool, tb: bool, out: np.ndarray, a: np.ndarray, b: np.ndarray, repeats: int) -> list[float]:
        (m, n), k = out.shape, a.shape[0] if ta else a.shape[1]
        seconds = np.empty(repeats)
        arrays = [ctypes.c_void_p(array.ctypes.data) for array in (a, b, out)]
        loop(function, wide, ta, tb, m, n, k, *arrays, repeats, ctypes.c_void_p(seconds.ctypes.data))
        return seconds.tolist()

    return run


def load_sgemm(library: str) -> tuple[ctypes.c_void_p, bool]:
    """The address of cblas_sgemm in an installed library, and whether its integers have 64 bits."""
    for path in library_paths(library):
        loaded = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        for name, wide in (("cblas_sgemm", False), ("scipy_cblas_sgemm", False), ("scipy_cblas_sgemm64_", True)):
            if hasattr(loaded, name):
                return ctypes.cast(getattr(loaded, name), ctypes.c_void_p), wide
    raise RuntimeError(f"{library} is not installed: pip install {'mkl' if library == 'mkl' else 'scipy-openblas32'}.")


def library_paths(library: str) -> list[str]:
    """Where the packages put their shared objects."""
    if library == "mkl":
        return glob.glob(os.path.join(sys.prefix, "lib", "libmkl_rt.so*"))
    found = []
    if spec := find_spec("scipy_openblas32"):
        found += glob.glob(str(Path(spec.origin or "").parent / "lib" / "libscipy_openblas*.so"))
    return found + glob.glob(str(Path(np.__file__).parents[1] / "numpy.libs" / "libscipy_openblas*.so"))


def compile_loop() -> ctypes.CDLL:
    """`gemm_loop.c` as a shared object."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise RuntimeError("The loop around BLAS is a C program, but no compiler was found (set CC).")
    with tempfile.TemporaryDirectory() as directory:
        target = os.path.join(directory, "loop.so")
        source = str(Path(__file__).with_name("gemm_loop.c"))
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", source, "-o", target], check=True)
        return ctypes.CDLL(target)


def serve(library: str) -> None:
    """Reads products from standard input, one a line, and answers each with the seconds of every call."""
    timer = gemmule_timer() if library == "gemmule" else blas_timer(library)
    rng = np.random.default_rng(1)
    for line in sys.stdin:
        kind, m, n, k, seconds = json.loads(line)
        ta, tb = kind[0] == "T", kind[1] == "T"
        a = rng.standard_normal((k, m) if ta else (m, k), dtype=np.float32)
        b = rng.standard_normal((n, k) if tb else (k, n), dtype=np.float32)
        out = np.empty((m, n), np.float32)
        once = min(timer(ta, tb, out, a, b, 3))
        timer(ta, tb, out, a, b, max(3, int(0.02 / once)))
        print(json.dumps(timer(ta, tb, out, a, b, max(5, min(20000, int(seconds / once))))), flush=True)


# ---- The comparison --------------------------------------------------------------------------------------------------


def start(library: str, threads: int) -> subprocess.Popen[str]:
    """A worker with `threads` threads. What the caller's environment tells a library about the processor is left out:
    each chooses its kernels itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MKL_", "OPENBLAS_"))}
    variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GEMMULE_NUM_THREADS")
    environment |= dict.fromkeys(variables, str(threads)) | {"MKL_DYNAMIC": "FALSE"}
    command = [sys.executable, "-m", "bench.gemm_compare", "--worker", library]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(worker: subprocess.Popen[str], product: Product, seconds: float) -> list[float]:
    """One turn of one worker."""
    into, out = pipe(worker.stdin), pipe(worker.stdout)
    into.write(json.dumps([product.kind, product.m, product.n, product.k, seconds]) + "\n")
    into.flush()
    answer = out.readline()
    if not answer:
        raise RuntimeError(f"The worker ended early. Received: {product}.")
    return json.loads(answer)


def pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("The worker was started without pipes.")
    return stream


def compare(products: Sequence[Product], libraries: Sequence[str], threads: int, rounds: int) -> list[dict[str, Any]]:
    """Microseconds of each product in each library: median over rounds of a turn's median, and the least of all."""
    workers = {library: start(library, threads) for library in libraries}
    rows = []
    for product in products:
        times: dict[str, list[list[float]]] = {library: [] for library in libraries}
        for _ in range(rounds):
            for library, worker in workers.items():
                times[library].append(ask(worker, product, 0.1))
                time.sleep(PAUSE)
        row: dict[str, Any] = {"name": product.name, "kind": product.kind, "shape": [product.m, product.n, product.k]}
        for library, turns in times.items():
            median = statistics.median(statistics.median(turn) for turn in turns)
            least = min(min(turn) for turn in turns)
            row[library] = {"median_us": median * 1e6, "min_us": least * 1e6, "gflops": product.flops / least * 1e-9}
        row["required"] = {"mkl": product.mkl, "openblas": product.openblas}
        rows.append(row)
        print(describe(row, libraries), flush=True)
    for worker in workers.values():
        pipe(worker.stdin).close()
        worker.wait()
    return rows


def describe(row: dict[str, Any], libraries: Sequence[str]) -> str:
    """One line of the table: times, then ratios of peer to gemmule (by median / by minimum)."""
    cells = [f"{row['name']:8} {row['kind']} {'×'.join(map(str, row['shape'])):>14}"]
    cells += [
        f"{row[name]['median_us']:9.2f} {row[name]['min_us']:9.2f} {row[name]['gflops']:6.0f}" for name in libraries
    ]
    for peer in (name for name in libraries if name != "gemmule"):
        ratios = [row[peer][key] / row["gemmule"][key] for key in ("median_us", "min_us")]
        required = row["required"][peer]
        verdict = "" if required is None else f" (≥ {required}{'' if max(ratios) >= required else ' MISSED'})"
        cells.append(f"{ratios[0]:5.2f} / {ratios[1]:4.2f}{verdict:15}")
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library at each product")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--peers", nargs="*", default=list(PEERS[1:]), choices=PEERS[1:])
    parser.add_argument("--worker", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve(arguments.worker)
        return
    libraries = ["gemmule", *arguments.peers]
    print(f"{'M×N×K':26} | " + " | ".join(f"{name:>8}: median, min µs, GF" for name in libraries) + " | peer / gemmule")
    rows = compare(PRODUCTS, libraries, arguments.threads, arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps({"threads": arguments.threads, "products": rows}, indent=1))


if __name__ == "__main__":
    main()
