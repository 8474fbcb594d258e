"""Benchmarks against other libraries, interleaved, each library in its own process.

    python -m bench.run models [--peers] [--json FILE] [--markdown FILE] [--filter TEXT] [--rounds N]
    python -m bench.run networks [--peers] [--json FILE] [--markdown FILE] [--filter TEXT] [--rounds N]
    python -m bench.run optimizers [--peers] [--json FILE] [--markdown FILE] [--filter TEXT] [--rounds N]
    python -m bench.run ops    [--peers] [--json FILE] [--markdown FILE] [--filter TEXT] [--rounds N]

Without `--peers` only gemmule runs. A ratio is a peer's median over gemmule's: above 1, gemmule is faster.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from typing import Any

from bench import data, figures, machine, networks, optimizers, report
from bench.cases import CASES, Case
from bench.results import Result
from bench.worker import Worker

MODEL_LIBRARIES = [
    "gemmule",
    "torch",
    "torch-compile",
    "jax",
    "jax-scan",
    "keras-jax",
    "keras-tensorflow",
    "onnxruntime",
]


def measure(case: Case, name: str, workers: list[Worker], rounds: int | None) -> Result:
    """Prepares a case everywhere, then lets the libraries take turns."""
    result = Result(name, case.title, case.flops, case.bytes, case.targets)
    ready = []
    for worker in workers:
        steps = max(1, case.steps // 4) if case.steps > 1 else 1
        answer = worker.ask(do="prepare", case=name, warmup=steps)
        if "ok" in answer:
            ready.append(worker)
        elif "error" in answer:
            result.errors[worker.library] = answer["error"]
    rounds = rounds or case.rounds
    for turn in range(rounds):
        for worker in ready if turn % 2 == 0 else reversed(ready):
            slow = worker.library in case.slow
            if slow and turn >= 2 and not case.calls:
                continue
            calls = max(1, case.calls // 20) if slow else case.calls
            answer = worker.ask(do="run", case=name, steps=case.steps, calls=calls)
            if "error" in answer:
                result.errors[worker.library] = answer["error"]
            else:
                result.seconds.setdefault(worker.library, []).extend(answer["seconds"])
    return result


SUITES = {
    "models": (CASES, MODEL_LIBRARIES),
    "networks": (networks.CASES, networks.LIBRARIES),
    "optimizers": (optimizers.CASES, optimizers.LIBRARIES),
}


def run_suite(arguments: argparse.Namespace, limits: machine.Machine) -> tuple[list[Result], dict[str, Any]]:
    """All cases of a suite, and the versions and threads of the libraries that took part."""
    cases, libraries = SUITES[arguments.what]
    libraries = libraries if arguments.peers else ["gemmule"]
    workers = [Worker(library) for library in libraries]
    about = {worker.library: worker.ask(do="versions") for worker in workers}
    missing = {library: answer["error"] for library, answer in about.items() if "error" in answer}
    for library, error in missing.items():
        print(f"{library} takes no part: {error}")
    workers = [worker for worker in workers if worker.library not in missing]
    results = []
    for name, case in cases.items():
        if arguments.filter in name:
            results.append(measure(case, name, workers, arguments.rounds))
            report.show(results[-1].as_json(limits))
    for worker in workers:
        worker.close()
    return results, {library: answer for library, answer in about.items() if library not in missing}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["ops", *SUITES])
    parser.add_argument("--peers", action="store_true", help="run the other libraries, too, where they are installed")
    parser.add_argument("--json", metavar="FILE", help="write the results")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables of bench/RESULTS.md")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only what has TEXT in its name")
    parser.add_argument("--rounds", type=int, help="rounds for each library")
    arguments = parser.parse_args()

    print("Measuring the machine's peak ...", flush=True)
    limits = machine.measure()
    print(f"{limits.processor}, {limits.cores} cores: {limits.gflops:.0f} GFLOP/s, one core {limits.gflops_1:.0f}")
    with tempfile.TemporaryDirectory() as directory:
        if arguments.what in SUITES:
            data.write(directory)
            results, libraries = run_suite(arguments, limits)
            extra = figures.measure(arguments.what, arguments.filter)
        else:
            from bench import ops

            results, libraries = ops.run(arguments, limits)
            extra = []
    limits = limits.best(machine.measure())  # what it can do is what it did in its better moment
    document = {
        "what": arguments.what,
        "machine": limits.describe(),
        "libraries": libraries,
        "results": [result.as_json(limits) for result in results],
        "figures": extra,
    }
    report.show_figures(extra)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(document, file, indent=1)
    if arguments.markdown:
        with open(arguments.markdown, "w") as file:
            file.write(report.markdown(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
