"""Random arrays out of Philox4x32-10 streams (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011).

A key is uint64 (3,): seed, stream, calls. The words of the Philox key are the seed's; the words of the counter are
block, calls low, stream low, calls high ^ stream high. Block i yields the words 4i to 4i + 3 of the stream.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def _philox(counter: list[np.ndarray], key: list[int]) -> list[np.ndarray]:
    """Ten rounds on four arrays of words, each word in a uint64 so that products keep all their bits."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1 = (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0), p1 & _LOW
        c2, c3 = (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1), p0 & _LOW
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [c0, c1, c2, c3]


def _words(key: np.ndarray, n: int) -> np.ndarray:
    """The first `n` words of the stream, uint32."""
    seed, stream, calls = (int(word) for word in key)
    block = np.arange((n + 3) // 4, dtype=np.uint64) & _LOW
    fixed = (calls % 2**32, stream % 2**32, (calls >> 32) ^ (stream >> 32))
    counter = [block, *(np.full_like(block, word) for word in fixed)]
    words = _philox(counter, [seed % 2**32, seed >> 32])
    return np.stack(words, axis=-1).ravel()[:n].astype(np.uint32)


def _bits53(key: np.ndarray, n: int) -> np.ndarray:
    """The first 53 bits of each pair of words, uint64."""
    pairs = _words(key, 2 * n).reshape(n, 2).astype(np.uint64)
    return (pairs[:, 0] << _SHIFT | pairs[:, 1]) >> np.uint64(11)


def random_bits(out: np.ndarray, key: np.ndarray) -> None:
    """The words of the stream (uint32)."""
    out[...] = _words(key, out.size).reshape(out.shape)


def random_uniform(out: np.ndarray, key: np.ndarray, low: float, high: float) -> None:
    """`low + (high - low)*u` with u in [0, 1): 24 bits of one word for float32, 53 bits of two for float64."""
    T = out.dtype.type
    if out.dtype == np.float32:
        u = (_words(key, out.size) >> np.uint32(8)).astype(T) * T(2.0**-24)
    else:
        u = _bits53(key, out.size).astype(T) * T(2.0**-53)
    out[...] = (T(low) + T(high - low) * u).reshape(out.shape)


def random_normal(out: np.ndarray, key: np.ndarray, mean: float, stddev: float, truncated: bool) -> None:
    """`mean + stddev*z`, z the normal quantile of `u = (k + 1/2)*2**-53` with 53 random bits k (float64).

    Truncated: u is squeezed into [Φ(-2), Φ(2)], so that |z| < 2.
    """
    centred = (_bits53(key, out.size).astype(np.int64) - 2**52).astype(np.float64) + 0.5
    q = centred * 2.0**-53 * (0.95449973610364158560 if truncated else 1.0)
    quantile = NormalDist().inv_cdf  # Wichura's AS 241, as in the kernel
    # The lower tail keeps its digits near 0, the upper one would lose them near 1: take its mirror image.
    z = np.array([quantile(0.5 + x) if x < 0 else -quantile(0.5 - x) for x in q], dtype=np.float64)
    out[...] = (mean + stddev * z).reshape(out.shape)


def random_permutation(out: np.ndarray, key: np.ndarray) -> None:
    """The numbers 0 to n - 1 in random order (int64 (n,)), by Fisher and Yates from the last place down."""
    n = out.size
    out[...] = np.arange(n)
    for i, word in zip(range(n - 1, 0, -1), _words(key, max(n - 1, 0)), strict=True):
        j = int(word) * (i + 1) >> 32
        out[i], out[j] = out[j], out[i]
