"""The embedded sample and the full data sets."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gemmule.datasets import california_housing, cifar10, fashion_mnist, mnist
from tests.datasets.made import message

ROOT = Path(__file__).resolve().parent.parent.parent
ON_THIS_MACHINE = all(dataset.is_available() for dataset in (fashion_mnist, mnist, california_housing))
needs_files = pytest.mark.skipif(not ON_THIS_MACHINE, reason="needs the original files: set GEMMULE_DATA_DIR")


# ---- The embedded sample ---------------------------------------------------------------------------------------------


def test_sample_is_balanced_and_small():
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_sample()
    assert x_train.shape == (4000, 28, 28)
    assert x_test.shape == (1000, 28, 28)
    assert x_train.dtype == x_test.dtype == y_train.dtype == y_test.dtype == np.uint8
    assert np.bincount(y_train).tolist() == [400] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    folder = Path(fashion_mnist.__file__).parent
    assert (folder / fashion_mnist.SAMPLE.name).stat().st_size <= 2_000_000
    assert "MIT License" in (folder / "fashion_mnist_sample.LICENSE.txt").read_text(encoding="utf-8")


def test_damaged_sample_says_so(tmp_path, monkeypatch):
    content = Path(fashion_mnist.__file__).with_name(fashion_mnist.SAMPLE.name).read_bytes()
    (tmp_path / fashion_mnist.SAMPLE.name).write_bytes(content[:-1000])
    monkeypatch.setattr(fashion_mnist, "__file__", str(tmp_path / "fashion_mnist.py"))
    with pytest.raises(
        ValueError, match=r"cannot be read\. Install gemmule again. The data file .* is truncated or corr"
    ):
        fashion_mnist.load_sample()


@needs_files
def test_sample_is_what_the_script_cuts():
    spec = importlib.util.spec_from_file_location("make_sample", ROOT / "tools" / "make_sample.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert hashlib.sha256(script.sample()).hexdigest() == fashion_mnist.SAMPLE.sha256


# ---- The full sets ---------------------------------------------------------------------------------------------------


@needs_files
@pytest.mark.parametrize("dataset", [fashion_mnist, mnist])
def test_images(dataset):
    (x_train, y_train), (x_test, y_test) = dataset.load_data()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    assert x_train.dtype == y_train.dtype == np.uint8
    assert sorted(set(y_train)) == sorted(set(y_test)) == list(range(10))
    if dataset is fashion_mnist:
        assert np.bincount(y_train).tolist() == [6000] * 10


@needs_files
def test_california_housing():
    (x_train, y_train), (x_test, y_test) = california_housing.load_data()
    assert x_train.shape == (16512, 8)
    assert x_test.shape == (4128, 8)
    assert x_train.dtype == y_train.dtype == np.float32
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    first = np.flatnonzero((y == 452600) & (x[:, 1] == np.float32(37.88)))  # the file's first line
    assert np.float32([-122.23, 37.88, 41, 880, 129, 322, 126, 8.3252]).tolist() in x[first].tolist()
    assert np.isfinite(x).all()
    assert (x[:, 4] == 435).sum() >= 207  # missing bedrooms: the median
    assert 14_999 <= y.min() < y.max() <= 500_001


@needs_files
def test_california_housing_arguments():
    (x_train, _), (x_test, y_test) = california_housing.load_data(version="small", test_split=0.25, seed=1)
    assert len(x_train) == 450
    assert len(x_test) == len(y_test) == 150
    other = california_housing.load_data(version="small", test_split=0.25, seed=2)[0][0]
    assert not np.array_equal(x_train, other)
    again = california_housing.load_data(version="small", test_split=0.25, seed=1)[0][0]
    np.testing.assert_array_equal(x_train, again)
    assert len(california_housing.load_data(test_split=0)[1][0]) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"version": "huge"}, "california_housing has the versions 'small' and 'large'. Received: version='huge'."),
        ({"test_split": 1}, "test_split must be at least 0 and below 1. Received: test_split=1."),
        ({"path": "my.npz"}, "california_housing.load_data reads housing/housing.tgz, not an archive of Keras's. Leave "
         "`path` at its default and set GEMMULE_DATA_DIR or GEMMULE_CACHE_DIR to say where it lies. "
         "Received: path='my.npz'."),
    ],
)  # fmt: skip
def test_california_housing_refuses(arguments, text):
    with pytest.raises(ValueError, match=message(text)):
        california_housing.load_data(**arguments)


def test_mnist_refuses_other_paths():
    with pytest.raises(
        ValueError, match=r"^mnist.load_data reads the original IDX files, .* Received: path='x.npz'\.$"
    ):
        mnist.load_data("x.npz")


# ---- Downloads, from a pooch that needs no network -------------------------------------------------------------------


def test_every_file_has_mirrors_and_a_hash():
    for file in (*fashion_mnist.FILES, *mnist.FILES, *cifar10.FILES, california_housing.FILE):
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.urls
        assert all(url.endswith(file.name) for url in file.urls)


def test_importing_gemmule_imports_no_dataset():
    code = "import sys, gemmule.datasets; sys.exit('gemmule.datasets._files' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(
        AttributeError, match=r"has no attribute 'imagenet'. Known: california_housing, cifar10, fashion"
    ):
        sys.modules["gemmule.datasets"].imagenet  # noqa: B018
