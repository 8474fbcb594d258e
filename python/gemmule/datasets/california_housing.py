"""California housing: house prices of 20,640 districts in the census of 1990, for regression."""

from __future__ import annotations

import numpy as np

from gemmule.data._decode import parse_csv
from gemmule.datasets._files import DataFile, available, read
from gemmule.datasets._images import Split
from gemmule.errors import received

__all__ = ["FEATURE_NAMES", "is_available", "load_data"]

FEATURE_NAMES = (
    "longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population", "households",
    "median_income",
)  # fmt: skip
TARGET_NAME = "median_house_value"
SMALL = 600  # rows

FILE = DataFile(
    "housing",
    "housing.tgz",
    size=1_423_529,
    sha256="2364609dc48bec7df3ba9dbb7041478e704ecddcee70ef1827ec3fc49d22c0cc",
    urls=("https://github.com/ageron/data/raw/main/housing.tgz",),
    member="housing/housing.csv",
)


def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Split, Split]:
    """Loads the California housing data (R. K. Pace and R. Barry, "Sparse spatial autoregressions", 1997).

    The columns are those of Keras's data set of the same name: longitude, latitude, housing_median_age, total_rooms,
    total_bedrooms, population, households and median_income (`FEATURE_NAMES`); the target is median_house_value in
    dollars. They come from the CSV file of A. Géron's "Hands-On Machine Learning", in which 207 districts lack
    total_bedrooms; these are filled with the median of the others (435). The order of districts before the shuffle is
    the file's, so a split is not the one that Keras makes from the same seed.

    Args:
        version: `"large"` for all 20,640 districts, or `"small"` for 600 spread evenly over the file.
        path: Keras's name for its cached archive; only the default is accepted. `GEMMULE_DATA_DIR` and
            `GEMMULE_CACHE_DIR` say where `housing/housing.tgz` lies.
        test_split: Fraction of the rows that become the test set, at least 0 and below 1.
        seed: Of the shuffle before the split.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 arrays of shapes `(n, 8)` and `(n,)`.

    Raises:
        ImportError: if the file must be downloaded and pooch is missing.
        OSError: if it cannot be downloaded.
        ValueError: if the file is truncated or corrupt, or for an impossible argument.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = gm.datasets.california_housing.load_data()
        >>> x_train.shape
        (16512, 8)
    """
    _check_arguments(version, path, test_split)
    table = _table()
    if version == "small":
        table = table[np.linspace(0, len(table) - 1, SMALL).astype(np.int64)]
    table = table[np.random.RandomState(seed).permutation(len(table))].astype(np.float32)
    cut = int(len(table) * (1 - test_split))
    x, y = np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1])
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def is_available() -> bool:
    """Whether `load_data` would find the file on this machine, without a download."""
    return available([FILE])


def _check_arguments(version: str, path: str, test_split: float) -> None:
    if version not in ("small", "large"):
        raise ValueError(f"california_housing has the versions 'small' and 'large'.{received(version=version)}")
    if path != "california_housing.npz":
        raise ValueError(
            "california_housing.load_data reads housing/housing.tgz, not an archive of Keras's. Leave "
            "`path` at its default and set GEMMULE_DATA_DIR or GEMMULE_CACHE_DIR to say where it lies."
            f"{received(path=path)}"
        )
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be at least 0 and below 1.{received(test_split=test_split)}")


def _table() -> np.ndarray:
    """All rows as float64, target last, missing bedrooms filled."""
    table = parse_csv(read(FILE), [*FEATURE_NAMES, TARGET_NAME], f"{FILE.folder}/{FILE.name}")
    bedrooms = table[:, FEATURE_NAMES.index("total_bedrooms")]
    bedrooms[np.isnan(bedrooms)] = np.nanmedian(bedrooms)
    return table
