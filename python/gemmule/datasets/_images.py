"""What Fashion-MNIST and MNIST share: four IDX files of 28×28 grey images and their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gemmule.data._decode import decode_idx
from gemmule.datasets._files import DataFile, read

Split = tuple[np.ndarray, np.ndarray]

_NAMES_AND_SIZES = (
    ("train-images-idx3-ubyte.gz", 47_040_016),
    ("train-labels-idx1-ubyte.gz", 60_008),
    ("t10k-images-idx3-ubyte.gz", 7_840_016),
    ("t10k-labels-idx1-ubyte.gz", 10_008),
)


def image_files(folder: str, hashes: Sequence[str], mirrors: Sequence[str]) -> tuple[DataFile, ...]:
    """The four files of a data set in the order train images, train labels, test images, test labels."""
    return tuple(
        DataFile(folder, name, size, digest, tuple(mirror + name for mirror in mirrors))
        for (name, size), digest in zip(_NAMES_AND_SIZES, hashes, strict=True)
    )


def load_images(files: Sequence[DataFile]) -> tuple[Split, Split]:
    """Reads four IDX files into `(x_train, y_train), (x_test, y_test)`."""
    x_train, y_train, x_test, y_test = (decode_idx(read(file), f"{file.folder}/{file.name}") for file in files)
    return (x_train, y_train), (x_test, y_test)
