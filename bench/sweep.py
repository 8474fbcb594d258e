"""Sweeps the shapes of `bench/shapes` against PyTorch in both of its layouts, interleaved.

    python -m bench.sweep [FAMILY ...] [--threads 1 2] [--winograd 0|2|4] [--filter TEXT] [--json FILE]

Families: conv2d depthwise transposed pool norm. A time is the median of several rounds. PyTorch counts with the better
of its layouts for each shape; gemmule's kernels run as in a recorded step.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from typing import Any

from bench import machine, shapes
from bench.report import duration
from bench.worker import SETTLE_SECONDS, Worker

LIBRARIES = ("gemmule", "torch", "torch-channels-last")
ROUND_SECONDS = 0.004
CALIBRATION_CALLS = 6
FAMILIES = tuple(shapes.PASSES)


def measure(workers: list[Worker], case: str, options: dict[str, Any], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round by library."""
    settle = SETTLE_SECONDS if options["threads"] > 1 else 0.0
    steps = {}
    for worker in workers:
        answer = worker.ask(do="prepare", case=f"shape/{case}", options=options, warmup=1)
        if "ok" in answer:
            # The quickest of several: a thread that has to be woken first would make a round of one single step.
            answer = worker.ask(do="run", case=f"shape/{case}", steps=1, calls=CALIBRATION_CALLS, settle=settle)
            steps[worker] = max(1, min(2000, int(ROUND_SECONDS / max(min(answer["seconds"]), 1e-9))))
        elif "error" in answer:
            print(f"  {worker.library} {case} {options}: {answer['error']}", flush=True)
    seconds: dict[str, list[float]] = {}
    for turn in range(rounds):
        for worker in list(steps) if turn % 2 == 0 else list(steps)[::-1]:
            answer = worker.ask(do="run", case=f"shape/{case}", steps=steps[worker], calls=0, settle=settle)
            seconds.setdefault(worker.library, []).extend(answer["seconds"])
    return seconds


def row(family: str, passing: str, line: str, threads: int, seconds: dict[str, list[float]], limits: Any) -> Any:
    """What the JSON file holds of one measurement."""
    shape: Any = shapes.parse(family, line)
    medians = {library: statistics.median(times) for library, times in seconds.items()}
    own, peers = medians["gemmule"], [medians[library] for library in LIBRARIES[1:] if library in medians]
    minima = {library: min(times) for library, times in seconds.items()}
    quiet = [minima[library] / minima["gemmule"] for library in LIBRARIES[1:] if library in minima]
    copy = shape.touched(passing) / limits.bandwidth(shape.arrays(passing)) * 1e-9
    return {
        "family": family,
        "pass": passing,
        "shape": line,
        "threads": threads,
        "medians": medians,
        "minima": minima,
        "ratio": min(peers) / own if peers else None,
        "ratio_of_minima": min(quiet) if quiet else None,
        "gflops": shape.flops / own * 1e-9,
        "share_of_copy": copy / own,
        "share_of_minima": copy / minima["gemmule"],
    }


def show(found: dict[str, Any]) -> None:
    """Prints one measurement."""
    peers = min(t for library, t in found["medians"].items() if library != "gemmule")
    rate = f"{found['gflops']:6.0f} GFLOP/s" if found["gflops"] else f"{found['share_of_copy']:6.0%} of copy"
    print(
        f"{found['family']:<10} {found['pass']:<8} {found['shape']:<32} {found['threads']} threads "
        f"{duration(found['medians']['gemmule']):>9} {rate}  torch {duration(peers):>9}  {found['ratio']:.2f}×",
        flush=True,
    )


def summarize(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Geometric mean, least ratio, and how many are below 1 and 0.6, for each family, pass and number of threads."""
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for found in rows:
        if found["ratio"]:
            groups.setdefault((found["family"], found["pass"], found["threads"]), []).append(found)
    return [
        {
            "family": family,
            "pass": passing,
            "threads": threads,
            "shapes": len(group),
            "mean": math.exp(sum(math.log(found["ratio"]) for found in group) / len(group)),
            "least": min(found["ratio"] for found in group),
            "least_of_minima": min(found["ratio_of_minima"] for found in group),
            "least_shape": min(group, key=lambda found: found["ratio"])["shape"],
            "below_1": sum(found["ratio"] < 1 for found in group),
            "below_06": sum(found["ratio"] < 0.6 for found in group),
        }
        for (family, passing, threads), group in groups.items()
    ]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.sweep", description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", default=FAMILIES, metavar="FAMILY", help=" ".join(FAMILIES))
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--winograd", type=int, default=2, choices=(0, 2, 4), help="largest tile gemmule may use")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only shapes with TEXT in their line")
    parser.add_argument("--passes", nargs="*", help="only these passes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--every", type=int, default=1, help="only every n-th shape")
    parser.add_argument("--json", metavar="FILE", help="write the results")
    arguments = parser.parse_args()

    limits = {threads: machine.measure(threads) for threads in arguments.threads}
    workers = [Worker(library) for library in LIBRARIES]
    about = {worker.library: worker.ask(do="versions") for worker in workers}
    start, rows = time.perf_counter(), []
    for family in arguments.families:
        for line in [text for text in shapes.lines(family) if arguments.filter in text][:: arguments.every]:
            for threads in arguments.threads:
                options = {"line": line, "threads": threads, "winograd": arguments.winograd}
                for passing in shapes.PASSES[family]:
                    if arguments.passes and passing not in arguments.passes:
                        continue
                    seconds = measure(workers, f"{family}/{passing}", options, arguments.rounds)
                    if "gemmule" in seconds and len(seconds) > 1:
                        rows.append(row(family, passing, line, threads, seconds, limits[threads]))
                        show(rows[-1])
    for worker in workers:
        worker.close()
    print(f"\n{len(rows)} measurements in {time.perf_counter() - start:.0f} s")
    totals = summarize(rows)
    for total in totals:
        print(
            f"{total['family']:<10} {total['pass']:<8} {total['threads']} threads: {total['shapes']:>3} shapes, "
            f"geometric mean {total['mean']:.2f}×, least {total['least']:.2f}× ({total['least_shape']}), "
            f"{total['below_1']} below 1, {total['below_06']} below 0.6"
        )
    if arguments.json:
        document = {
            "what": "sweep",
            "winograd": arguments.winograd,
            "libraries": about,
            "rows": rows,
            "summary": totals,
        }
        document["machine"] = limits[max(limits)].describe()
        with open(arguments.json, "w") as file:
            json.dump(document, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
