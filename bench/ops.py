"""Times every op of the spec table: the eager call, the kernels alone, the NumPy reference, and other libraries."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from typing import Any

import numpy as np

from bench import op_rows, report
from bench.machine import Machine
from bench.results import Result
from bench.worker import Worker

OWN = ("gemmule", "gemmule-kernel", "gemmule-reference")
PEERS = ("torch", "jax")
ROUND_SECONDS = 0.01
ROUNDS = 7


def options(row: Any, arrays: list[np.ndarray], directory: str) -> dict[str, Any]:
    """Where a worker finds the inputs, and the arguments as far as they can be written down."""
    path = os.path.join(directory, "inputs.npz")
    np.savez(path, **{f"x{number}": array for number, array in enumerate(arrays)})
    try:
        arguments = json.loads(json.dumps(dict(row.arguments)))
    except TypeError:  # slices and arrays: peers have no one function for those anyway
        arguments = None
    return {"inputs": path, "op": row.op, "arguments": arguments}


def prepare(row: Any, workers: list[Worker], told: dict[str, Any], result: Result) -> dict[Worker, int]:
    """The workers that can do it, and how many calls each makes in a round."""
    steps = {}
    for worker in workers:
        answer = worker.ask(do="prepare", case=f"op/{row.id}", options=told, warmup=3)
        if "ok" in answer:
            answer = worker.ask(do="run", case=f"op/{row.id}", steps=1, calls=6)
        if "seconds" in answer:  # the quickest: a thread that has to be woken first would make a round of few calls
            steps[worker] = int(np.clip(ROUND_SECONDS / max(min(answer["seconds"]), 1e-9), 3, 5000))
        elif "error" in answer:
            result.errors[worker.library] = answer["error"]
    return steps


def run(arguments: argparse.Namespace, limits: Machine) -> tuple[list[Result], dict[str, Any]]:
    """All rows whose name contains the filter."""
    workers = [Worker(library) for library in OWN + (PEERS if arguments.peers else ())]
    about = {worker.library: worker.ask(do="versions") for worker in workers}
    for library, answer in about.items():
        if "error" in answer:
            print(f"{library} takes no part: {answer['error']}")
    workers = [worker for worker in workers if "error" not in about[worker.library]]
    results = []
    with tempfile.TemporaryDirectory() as directory:
        for row in op_rows.timed_rows():
            if arguments.filter not in row.id:
                continue
            arrays = op_rows.draw(row)
            shapes = ", ".join("×".join(map(str, array.shape)) or "()" for array in arrays)
            result = Result(row.id, f"`{row.id}` {shapes}", *op_rows.work(row, arrays), rated="gemmule-kernel")
            steps = prepare(row, workers, options(row, arrays, directory), result)
            for turn in range(arguments.rounds or ROUNDS):
                for worker in list(steps) if turn % 2 == 0 else list(steps)[::-1]:
                    time.sleep(0.005)
                    answer = worker.ask(do="run", case=f"op/{row.id}", steps=steps[worker], calls=0)
                    result.seconds.setdefault(worker.library, []).extend(answer.get("seconds", []))
            results.append(result)
            report.show(result.as_json(limits))
    for worker in workers:
        worker.close()
    return results, {library: answer for library, answer in about.items() if "error" not in answer}
