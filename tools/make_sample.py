"""Cuts the embedded sample from Fashion-MNIST: the first 400 training and 100 test images of each class.

    GEMMULE_DATA_DIR=... python tools/make_sample.py

Writes python/gemmule/datasets/fashion_mnist_sample.xz: four IDX files one behind the other (training images and labels,
test images and labels), images in their original order, compressed with xz. No predictor goes before xz: differences to
the pixel above or to the left, averages and JPEG-LS's median predictor all made the file 3 to 12 % larger, because flat
areas and repeated patterns are what LZMA is best at. Prints the constants that fashion_mnist.py pins.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
from pathlib import Path

import numpy as np

from gemmule.datasets import fashion_mnist

CLASSES = 10
FOLDER = Path(__file__).parent.parent / "python" / "gemmule" / "datasets"


def idx(array: np.ndarray) -> bytes:
    """The IDX file of a uint8 array."""
    header = bytes([0, 0, 0x08, array.ndim]) + b"".join(extent.to_bytes(4, "big") for extent in array.shape)
    return header + array.tobytes()


def first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first `count` images of each class, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:count] for label in range(CLASSES)]))


def sample() -> bytes:
    """The uncompressed content of the sample."""
    content = b""
    for (images, labels), count in zip(fashion_mnist.load_data(), (400, 100), strict=True):
        rows = first_of_each_class(labels, count)
        content += idx(images[rows]) + idx(labels[rows])
    return content


def main() -> None:
    """Writes the file and prints what to pin."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=FOLDER / fashion_mnist.SAMPLE.name)
    output = parser.parse_args().output
    content = sample()
    packed = lzma.compress(content, preset=9 | lzma.PRESET_EXTREME, check=lzma.CHECK_CRC64)
    output.write_bytes(packed)
    print(f"{output}: {len(packed)} bytes")
    print(f"size={len(content)}, sha256={hashlib.sha256(content).hexdigest()!r}")


if __name__ == "__main__":
    main()
