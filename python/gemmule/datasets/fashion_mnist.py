"""Fashion-MNIST: 70,000 grey pictures of clothes in ten classes, and a sample of 5,000 that is part of the package."""

from __future__ import annotations

from pathlib import Path

from gemmule.data._decode import decode_idx
from gemmule.datasets._files import DataFile, available, unpack
from gemmule.datasets._images import Split, image_files, load_images

__all__ = ["CLASS_NAMES", "is_available", "load_data", "load_sample"]

CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

FILES = image_files(
    "fashion-mnist",
    hashes=(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
)

# Cut by tools/make_sample.py: four IDX files one behind the other, the first 400 training and 100 test images of each
# class in their original order.
SAMPLE = DataFile(
    "datasets",
    "fashion_mnist_sample.xz",
    size=3_925_048,
    sha256="257134221176026a25df1be4119f857e4ce12b49526c37538cd4fd30e94021e8",
)
SAMPLE_PARTS = (16 + 4000 * 28 * 28, 8 + 4000, 16 + 1000 * 28 * 28, 8 + 1000)


def load_data() -> tuple[Split, Split]:
    """Loads Fashion-MNIST (H. Xiao, K. Rasul and R. Vollgraf, 2017; MIT licence).

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shapes `(60000, 28, 28)` and `(10000, 28, 28)` with
        pixels 0 to 255, and uint8 labels of shapes `(60000,)` and `(10000,)` that index `CLASS_NAMES`.

    Raises:
        ImportError: if the files must be downloaded and pooch is missing.
        OSError: if they cannot be downloaded.
        ValueError: if a file is truncated or corrupt.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = gm.datasets.fashion_mnist.load_data()
        >>> x_train.shape
        (60000, 28, 28)
    """
    return load_images(FILES)


def load_sample() -> tuple[Split, Split]:
    """Loads the sample of Fashion-MNIST that comes with gemmule: 400 + 100 images of each class, no file needed.

    Returns:
        As `load_data`, with shapes `(4000, 28, 28)`, `(4000,)`, `(1000, 28, 28)` and `(1000,)`.

    Raises:
        ValueError: if the installed file is damaged.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = gm.datasets.fashion_mnist.load_sample()
        >>> x_train.shape
        (4000, 28, 28)
    """
    path = Path(__file__).with_name(SAMPLE.name)
    try:
        content = unpack(path, SAMPLE)
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"The embedded sample of images cannot be read. Install gemmule again. {error}") from error
    parts, begin = [], 0
    for size in SAMPLE_PARTS:
        parts.append(decode_idx(content[begin : begin + size], SAMPLE.name))
        begin += size
    x_train, y_train, x_test, y_test = parts
    return (x_train, y_train), (x_test, y_test)


def is_available() -> bool:
    """Whether `load_data` would find all files on this machine, without a download."""
    return available(FILES)
