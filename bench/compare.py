"""Compares two JSON files of `bench.run`: `python -m bench.compare BEFORE AFTER`. Fails on a slowdown over 10 %."""

from __future__ import annotations

import argparse
import json
import math
import sys

from bench.report import duration


def load(path: str) -> dict[str, dict[str, float]]:
    """Case -> gemmule's times."""
    with open(path) as file:
        rows = json.load(file)["results"]
    return {row["name"]: row["libraries"]["gemmule"] for row in rows if "gemmule" in row["libraries"]}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__.splitlines()[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--tolerance", type=float, default=0.10, help="accepted slowdown of the minimum (0.10)")
    arguments = parser.parse_args()
    before, after = load(arguments.before), load(arguments.after)
    print("| case | before: median (min) | after: median (min) | speed-up of median (min) |")
    print("| --- | --- | --- | --- |")
    slower = []
    logarithms = []
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        gain, gain_of_minimum = old["median"] / new["median"], old["min"] / new["min"]
        logarithms.append(math.log(gain))
        cells = [f"{duration(t['median'])} ({duration(t['min'])})" for t in (old, new)]
        print(f"| {name} | {cells[0]} | {cells[1]} | {gain:.2f}× ({gain_of_minimum:.2f}×) |")
        if gain_of_minimum < 1 - arguments.tolerance:
            slower.append(name)
    if logarithms:
        print(f"\ngeometric mean of the medians: {math.exp(sum(logarithms) / len(logarithms)):.3f}×")
    for name in sorted(before.keys() ^ after.keys()):
        print(f"only in {'before' if name in before else 'after'}: {name}")
    if slower:
        print(f"slower by more than {arguments.tolerance:.0%}: {', '.join(sorted(slower))}")
    return bool(slower)


if __name__ == "__main__":
    sys.exit(main())
