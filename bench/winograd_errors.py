"""Rounding errors of convolutions, exact and by Winograd's method: `python -m bench.winograd_errors`.

For each pass of a 3x3 convolution with as many output as input channels, float32 is compared with the same convolution
in float64 (of the same float32 inputs). An error is the largest difference, divided by the largest result. Images and
incoming gradients are normal or uniform on [-1, 1]; kernels are He-normal or Glorot-uniform, as layers draw them.
Prints the table of docs/convolution.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from gemmule import _native
from gemmule.backend import execute

ALGORITHMS = {"exact": 0, "F(2x2)": 2, "F(4x4)": 4}
PASSES = ("forward", "input gradient", "kernel gradient")
GEOMETRY = {"strides": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1), "groups": 1}


def draw(rng: np.random.Generator, kind: str, channels: int, images: int, side: int) -> list[np.ndarray]:
    """Image, kernel and incoming gradient."""
    fan = 9 * channels
    if kind == "normal":
        arrays = [rng.standard_normal((images, side, side, channels)) for _ in range(2)]
        kernel = rng.standard_normal((3, 3, channels, channels)) * np.sqrt(2 / fan)
    else:
        arrays = [rng.uniform(-1, 1, (images, side, side, channels)) for _ in range(2)]
        limit = np.sqrt(3 / fan)
        kernel = rng.uniform(-limit, limit, (3, 3, channels, channels))
    return [a.astype(np.float32) for a in (arrays[0], kernel, arrays[1])]


def convolve(which: str, x: np.ndarray, w: np.ndarray, dy: np.ndarray, winograd: int) -> np.ndarray:
    """The result of one pass, in the dtype of the arrays."""
    attributes = {**GEOMETRY, "winograd": winograd}
    ending = {"activation": "linear", "alpha": 0.0}
    if which == "forward":
        out = np.empty_like(dy)
        execute("conv2d_forward", [out], [x, w, None, None, None, None], **attributes, **ending)
    elif which == "input gradient":
        out = np.empty_like(x)
        execute("conv2d_backward_input", [out], [dy, w, None], **attributes, **ending)
    else:
        out = np.empty_like(w)
        execute("conv2d_backward_weights", [out, None], [x, dy], **attributes)
    return out


def errors(channels: int, kind: str, images: int, side: int, draws: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Each pass with the largest error of each algorithm over all draws."""
    for which in PASSES:
        worst = dict.fromkeys(ALGORITHMS, 0.0)
        for seed in range(draws):
            arrays = draw(np.random.default_rng([seed, channels]), kind, channels, images, side)
            right = convolve(which, *(a.astype(np.float64) for a in arrays), winograd=0)
            for name, tile in ALGORITHMS.items():
                difference = np.abs(convolve(which, *arrays, winograd=tile) - right).max() / np.abs(right).max()
                worst[name] = max(worst[name], float(difference))
        yield which, worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--side", type=int, default=16)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--channels", type=int, nargs="+", default=[64, 128, 256, 512])
    arguments = parser.parse_args()
    side = arguments.side
    print(f"{arguments.images} images of {side}x{side}, {arguments.draws} draws, level {_native.isa()}\n")
    print("| pass | channels | inputs | " + " | ".join(ALGORITHMS) + " |")
    print("| --- | --- | --- |" + " --- |" * len(ALGORITHMS))
    rows = [
        (PASSES.index(which), f"| {which} | {channels} | {kind} | " + " | ".join(f"{e:.1e}" for e in found.values()))
        for channels in arguments.channels
        for kind in ("normal", "uniform")
        for which, found in errors(channels, kind, arguments.images, arguments.side, arguments.draws)
    ]
    for _, row in sorted(rows, key=lambda row: row[0]):
        print(row + " |")


if __name__ == "__main__":
    main()
