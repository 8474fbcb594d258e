"""MNIST: 70,000 grey pictures of handwritten digits."""

from __future__ import annotations

from gemmule.datasets._files import available
from gemmule.datasets._images import Split, image_files, load_images
from gemmule.errors import received

__all__ = ["is_available", "load_data"]

FILES = image_files(
    "mnist",
    hashes=(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
)


def load_data(path: str = "mnist.npz") -> tuple[Split, Split]:
    """Loads MNIST (Y. LeCun, C. Cortes and C. Burges; Creative Commons Attribution-Share Alike 3.0).

    Args:
        path: Keras's name for its cached archive. gemmule reads the original IDX files, so only the default is
            accepted; `GEMMULE_DATA_DIR` and `GEMMULE_CACHE_DIR` say where they lie.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shapes `(60000, 28, 28)` and `(10000, 28, 28)` with
        pixels 0 to 255, and uint8 digits of shapes `(60000,)` and `(10000,)`.

    Raises:
        ImportError: if the files must be downloaded and pooch is missing.
        OSError: if they cannot be downloaded.
        ValueError: if a file is truncated or corrupt, or for another `path`.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = gm.datasets.mnist.load_data()
        >>> x_test.shape
        (10000, 28, 28)
    """
    if path != "mnist.npz":
        raise ValueError(
            "mnist.load_data reads the original IDX files, not an archive of Keras's. Leave `path` at "
            f"its default and set GEMMULE_DATA_DIR or GEMMULE_CACHE_DIR to say where they lie."
            f"{received(path=path)}"
        )
    return load_images(FILES)


def is_available() -> bool:
    """Whether `load_data` would find all files on this machine, without a download."""
    return available(FILES)
