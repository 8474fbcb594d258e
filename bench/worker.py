"""A process that holds one library and times its cases on request, so that libraries never share a process.

Keras allows one backend a process, and thread pools of different libraries disturb each other; processes that wait on
a pipe do not. `Worker` is the parent's side; `python -m bench.worker LIBRARY` is the child.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

# library -> (module in bench.peers, its variant)
LIBRARIES = {
    "gemmule": ("gemmule_runs", ""),
    "gemmule-kernel": ("gemmule_runs", "kernel"),
    "gemmule-reference": ("gemmule_runs", "reference"),
    "torch": ("torch_runs", "eager"),
    "torch-channels-last": ("torch_runs", "channels-last"),
    "torch-compile": ("torch_runs", "compile"),
    "torch-fused": ("torch_runs", "fused"),
    "jax": ("jax_runs", "jit"),
    "jax-scan": ("jax_runs", "scan"),
    "keras-jax": ("keras_runs", "jax"),
    "keras-tensorflow": ("keras_runs", "tensorflow"),
    "onnxruntime": ("onnxruntime_runs", ""),
}


# Threads of the library that ran before spin on for a while. To sleep meanwhile would be no help: this process would
# wake up on one core with its own threads.
SETTLE_SECONDS = 0.03


class Worker:
    """A child process for one library."""

    def __init__(self, library: str, log: Any = subprocess.DEVNULL) -> None:
        self.library = library
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request and waits for the answer; `{"error": ...}` when the library cannot do it."""
        if self._process.poll() is not None or self._process.stdin is None or self._process.stdout is None:
            return {"error": f"the {self.library} process has ended"}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        return json.loads(answer) if answer else {"error": f"the {self.library} process died"}

    def close(self) -> None:
        """Ends the child."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=60)


def timed(run: Callable[[int], float | None], steps: int, calls: int, settle: float) -> list[float]:
    """Seconds a step: one figure for a round of `steps`, or one for each of `calls` calls."""
    clock = time.perf_counter
    gc.collect()
    settled = clock() + settle
    while clock() < settled:
        pass
    run(1)  # a library that was the last one in the round before would find its arrays in the cache, others not
    if calls:
        seconds = []
        for _ in range(calls):
            start = clock()
            run(1)
            seconds.append(clock() - start)
        return seconds
    start = clock()
    own = run(steps)
    return [(clock() - start if own is None else own) / steps]


def serve(library: str, answer: Callable[[dict[str, Any]], None]) -> None:
    """Answers requests until the parent closes the pipe."""
    module_name, variant = LIBRARIES[library]
    module = import_module(f"bench.peers.{module_name}")
    gc.collect()
    gc.freeze()  # collections before a measurement then look at the case alone, not at all of the library
    runs: dict[str, Callable[[int], float | None]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "versions":
                answer({"versions": module.versions(), "threads": module.threads()})
            elif request["do"] == "prepare":
                runs.clear()
                runs[request["case"]] = module.prepare(request["case"], variant, request.get("options", {}))
                runs[request["case"]](request["warmup"])
                answer({"ok": True})
            else:
                run = runs[request["case"]]
                answer(
                    {"seconds": timed(run, request["steps"], request["calls"], request.get("settle", SETTLE_SECONDS))}
                )
        except NotImplementedError:
            answer({"absent": True})
        except Exception as error:  # whatever a library says goes into the report, and the others go on
            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"})


def main() -> None:
    """The child's side."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries print; the pipe is for answers
    serve(sys.argv[1], lambda reply: print(json.dumps(reply), file=channel, flush=True))


if __name__ == "__main__":
    main()
