"""Dropout (Srivastava et al., 2014), inverted: what is kept is scaled up in training."""

from __future__ import annotations

import numpy as np

from gemmule.backend.reference.random import random_bits


def dropout_forward(y: np.ndarray, mask: np.ndarray, x: np.ndarray, rate: np.ndarray, key: np.ndarray) -> None:
    """`y = mask * x / (1 - rate)`, an element kept where its uniform number is >= rate.

    The number is 24 bits of one random word, in float64 as well, so that both dtypes drop the same elements.

    Args:
        y: like x.
        mask: uint8 like x, 1 where kept.
        x: any shape.
        rate: float64 (), between 0 and 1. Rate 0 copies, rate 1 gives zeros.
        key: uint64 (3,): seed, stream, calls.
    """
    words = np.empty(x.shape, np.uint32)
    random_bits(words, key)
    mask[...] = (words >> np.uint32(8)) * 2.0**-24 >= rate
    dropout_backward(y, x, mask, rate)


def dropout_backward(dx: np.ndarray, dy: np.ndarray, mask: np.ndarray, rate: np.ndarray) -> None:
    """`dx = mask * dy / (1 - rate)`."""
    scale = np.float64(1) / (1 - rate)
    dx[...] = np.where(mask, dy * dy.dtype.type(scale), 0)
