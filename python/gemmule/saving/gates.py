"""Weights of recurrent layers: from PyTorch's rows of gates to Keras's columns.

Both stack the gates of an LSTM as input, forget, cell, output. A GRU has reset, update, new in PyTorch and update,
reset, new in Keras. PyTorch keeps two biases where Keras keeps their sum, but for the GRU with `reset_after=True`,
which is the only kind PyTorch has. To be called by the importers once there are recurrent layers.

Source: the formulas in the documentation of `torch.nn.LSTM` and `torch.nn.GRU`, and of Keras's layers of these names.
"""

from __future__ import annotations

import numpy as np

from gemmule.errors import received

LSTM_GATES = (0, 1, 2, 3)
GRU_GATES = (1, 0, 2)  # where update, reset and new stand in PyTorch


def lstm_from_torch(
    weight_ih: np.ndarray, weight_hh: np.ndarray, bias_ih: np.ndarray, bias_hh: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel, recurrent kernel and bias of an LSTM.

    Args:
        weight_ih: `(4 * units, features)`.
        weight_hh: `(4 * units, units)`.
        bias_ih: `(4 * units,)`.
        bias_hh: likewise.

    Returns:
        Arrays of shapes `(features, 4 * units)`, `(units, 4 * units)` and `(4 * units,)`.

    Raises:
        ValueError: if the shapes are others.
    """
    _check(4, weight_ih, weight_hh, bias_ih, bias_hh)
    return (
        _columns(weight_ih, LSTM_GATES),
        _columns(weight_hh, LSTM_GATES),
        _columns(bias_ih, LSTM_GATES) + _columns(bias_hh, LSTM_GATES),
    )


def gru_from_torch(
    weight_ih: np.ndarray, weight_hh: np.ndarray, bias_ih: np.ndarray, bias_hh: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel, recurrent kernel and the two biases of a GRU with `reset_after=True`.

    Args:
        weight_ih: `(3 * units, features)`.
        weight_hh: `(3 * units, units)`.
        bias_ih: `(3 * units,)`.
        bias_hh: likewise.

    Returns:
        Arrays of shapes `(features, 3 * units)`, `(units, 3 * units)` and `(2, 3 * units)`.

    Raises:
        ValueError: if the shapes are others.
    """
    _check(3, weight_ih, weight_hh, bias_ih, bias_hh)
    biases = np.stack([_columns(bias_ih, GRU_GATES), _columns(bias_hh, GRU_GATES)])
    return _columns(weight_ih, GRU_GATES), _columns(weight_hh, GRU_GATES), biases


def _columns(rows: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Gates stacked along the first axis, put into an order and along the last one."""
    gates = np.split(np.asarray(rows), len(order))
    return np.concatenate([gates[gate].T for gate in order], axis=-1)


def _check(gates: int, weight_ih: np.ndarray, weight_hh: np.ndarray, *biases: np.ndarray) -> None:
    rows, units = weight_hh.shape if weight_hh.ndim == 2 else (0, 0)
    fits = rows == gates * units and weight_ih.ndim == 2 and len(weight_ih) == rows
    if not fits or any(bias.shape != (rows,) for bias in biases):
        raise ValueError(
            f"Weights of such a layer have {gates} * units rows: weight_ih (rows, features), weight_hh (rows, units), "
            f"two biases (rows,).{received(weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=biases[0])}"
        )
