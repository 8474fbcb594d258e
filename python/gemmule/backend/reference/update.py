"""Optimizer steps, in place, with Keras's formulas.

Every step has the operands `w, slots…, average, dw, hyper, rules, step, gate`: parameters, the optimizer's state, a
moving average of the parameters (n,), updated in place; the gradient (n,); float64 vectors of hyper-parameters and of
what all optimizers do alike; int64 (1,), the updates done before; int32 (1,) or `None`, 0 while gradients accumulate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

SCALE, LIMIT, DECAY, MULTIPLIER, FLOOR, MOMENTUM = range(6)  # places in `rules`

# (w, g, slots, rate, hyper, step, variant) -> new w; slots are changed in place. `rate` is a float64 number.
Formula = Callable[[np.ndarray, np.ndarray, list[Any], float, np.ndarray, int, int], np.ndarray]


def _closed(gate: np.ndarray | None) -> bool:
    return gate is not None and gate[0] == 0


def _around(formula: Formula) -> Callable[..., None]:
    """What happens to gradients and parameters around every formula."""

    def run(w: np.ndarray, *operands: Any, variant: int) -> None:
        *slots, average, dw, hyper, rules, step, gate = operands
        if _closed(gate):
            return
        T = w.dtype.type
        with np.errstate(over="ignore", invalid="ignore"):
            g = np.clip(dw * T(rules[SCALE]), -T(rules[LIMIT]), T(rules[LIMIT]))
            rate = hyper[0] * rules[MULTIPLIER]
            decayed = w - T(rate * rules[DECAY]) * w
            updated = formula(decayed, g, slots, rate, hyper, int(step[0]), variant)
        if average is not None:
            average += T(1 if step[0] == 0 else 1 - rules[MOMENTUM]) * (updated - average)
        w[...] = np.maximum(updated, T(rules[FLOOR]))

    run.__name__ = f"{formula.__name__[1:]}_step"
    run.__doc__ = formula.__doc__
    return run


def _keep(slot: np.ndarray | None, values: np.ndarray) -> np.ndarray:
    """Writes a slot, if there is one."""
    if slot is not None:
        slot[...] = values
    return values


def _mean(slot: np.ndarray, values: np.ndarray, share: float) -> np.ndarray:
    """Moves a slot towards `values` by `1 - share`."""
    slot += slot.dtype.type(1 - share) * (values - slot)
    return slot


def _sgd(
    w: np.ndarray, g: np.ndarray, slots: list[Any], rate: float, hyper: Any, step: int, variant: int
) -> np.ndarray:
    """Gradient descent: `m = momentum*m - lr*g; w += m`, with Nesterov's look-ahead `w += momentum*m - lr*g`.

    hyper = learning rate, momentum; variant 1 looks ahead.
    """
    T = w.dtype.type
    before = np.zeros_like(w) if slots[0] is None else slots[0]
    m = _keep(slots[0], T(hyper[1]) * before - T(rate) * g)
    return w + (T(hyper[1]) * m - T(rate) * g if variant else m)


def _adam(
    w: np.ndarray, g: np.ndarray, slots: list[Any], rate: float, hyper: Any, step: int, variant: int
) -> np.ndarray:
    """Adam (Kingma & Ba, 2015), the bias correction moved into the step size as at the end of their section 2.

    hyper = learning rate, beta_1, beta_2, epsilon; variant 1 is AMSGrad (Reddi et al., 2018).
    """
    T, (_, beta_1, beta_2, epsilon), t = w.dtype.type, hyper, step + 1
    alpha = T(rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t))
    m, v = _mean(slots[0], g, beta_1), _mean(slots[1], g * g, beta_2)
    if variant:
        v = _keep(slots[2], np.maximum(slots[2], v))
    return w - m * alpha / (np.sqrt(v) + T(epsilon))


def _adamax(
    w: np.ndarray, g: np.ndarray, slots: list[Any], rate: float, hyper: Any, step: int, variant: int
) -> np.ndarray:
    """Adam's variant with the largest gradient in the place of the mean square (their section 7).

    hyper = learning rate, beta_1, beta_2, epsilon.
    """
    T, (_, beta_1, beta_2, epsilon) = w.dtype.type, hyper
    m = _mean(slots[0], g, beta_1)
    u = _keep(slots[1], np.maximum(T(beta_2) * slots[1], np.abs(g)))
    return w - m * T(rate / (1 - beta_1 ** (step + 1))) / (u + T(epsilon))


def _nadam(
    w: np.ndarray, g: np.ndarray, slots: list[Any], rate: float, hyper: Any, step: int, variant: int
) -> np.ndarray:
    """Adam with Nesterov's momentum (Dozat, 2016).

    hyper = learning rate, beta_1, beta_2, epsilon, u_t, u_{t+1}, u_1·…·u_t.
    """
    T, (_, beta_1, beta_2, epsilon, now, following, product) = w.dtype.type, hyper
    m, v = _mean(slots[0], g, beta_1), _mean(slots[1], g * g, beta_2)
    ahead = T(rate * following / (1 - product * following)) * m + T(rate * (1 - now) / (1 - product)) * g
    return w - ahead / (np.sqrt(v * T(1 / (1 - beta_2 ** (step + 1)))) + T(epsilon))


def _adagrad(
    w: np.ndarray, g: np.ndarray, slots: list[Any], rate: float, hyper: Any, step: int, variant: int
) -> np.ndarray:
    """Adagrad (Duchi, Hazan & Singer, 2011). hyper = learning rate, epsilon."""
    T = w.dtype.type
    total = _keep(slots[0], slots[0] + g * g)
    return w - T(rate) * g / np.sqrt(total + T(hyper[1]))


def _adadelta(
    w: np.ndarray, g: np.ndarray, slots: list[Any], rate: float, hyper: Any, step: int, variant: int
) -> np.ndarray:
    """Adadelta (Zeiler, 2012). hyper = learning rate, rho, epsilon."""
    T, (_, rho, epsilon) = w.dtype.type, hyper
    square = _mean(slots[0], g * g, rho)
    delta = g * np.sqrt((slots[1] + T(epsilon)) / (square + T(epsilon)))
    _mean(slots[1], delta * delta, rho)
    return w - T(rate) * delta


def _rmsprop(
    w: np.ndarray, g: np.ndarray, slots: list[Any], rate: float, hyper: Any, step: int, variant: int
) -> np.ndarray:
    """RMSprop (Hinton, 2012). hyper = learning rate, rho, momentum, epsilon; variant 1 is centered (Graves, 2013)."""
    T, (_, rho, momentum, epsilon) = w.dtype.type, hyper
    square = _mean(slots[0], g * g, rho)
    if variant:
        center = _mean(slots[2], g, rho)
        square = square - center * center
    before = np.zeros_like(w) if slots[1] is None else slots[1]
    return w - _keep(slots[1], T(momentum) * before + T(rate) * g / np.sqrt(square + T(epsilon)))


def _lion(
    w: np.ndarray, g: np.ndarray, slots: list[Any], rate: float, hyper: Any, step: int, variant: int
) -> np.ndarray:
    """Lion (Chen et al., 2023). hyper = learning rate, beta_1, beta_2."""
    T, (_, beta_1, beta_2) = w.dtype.type, hyper
    direction = slots[0] + T(1 - beta_1) * (g - slots[0])
    _mean(slots[0], g, beta_2)
    return w - T(rate) * np.sign(direction)


sgd_step = _around(_sgd)
adam_step = _around(_adam)
adamax_step = _around(_adamax)
nadam_step = _around(_nadam)
adagrad_step = _around(_adagrad)
adadelta_step = _around(_adadelta)
rmsprop_step = _around(_rmsprop)
lion_step = _around(_lion)


def nadam_schedule(hyper: np.ndarray, step: np.ndarray, gate: np.ndarray | None) -> None:
    """Writes `u_t = beta_1 (1 - 0.96^t / 2)`, `u_{t+1}` and the product `u_1·…·u_t` into `hyper[4:7]`."""
    if _closed(gate):
        return
    t = float(step[0] + 1)
    now, following = (hyper[1] * (1 - 0.5 * 0.96**at) for at in (t, t + 1))
    hyper[4:] = now, following, (1 if step[0] == 0 else hyper[6]) * now


def accumulate_gradient(sums: np.ndarray, dw: np.ndarray, count: np.ndarray, every: int) -> None:
    """`sums += dw`, or `sums = dw` at the first of `every` calls; `count` (int64 (1,)) were before this one."""
    sums[...] = dw if count[0] % every == 0 else sums + dw


def open_gate(gate: np.ndarray, count: np.ndarray, every: int) -> None:
    """Sets `gate` (int32 (1,)) to whether this is the last of `every` calls."""
    gate[0] = (count[0] + 1) % every == 0


def take_average(w: np.ndarray, average: np.ndarray, step: np.ndarray, gate: np.ndarray | None, every: int) -> None:
    """`w = average` after each `every` updates."""
    if not _closed(gate) and (step[0] + 1) % every == 0:
        w[...] = average


def sum_squares(total: np.ndarray, x: np.ndarray) -> None:
    """`Σ x²` into `total` (1,): blocks of 1024 in the type of `x`, their sums in float64."""
    total[0] = sum((np.float64(np.sum(np.square(part), dtype=x.dtype)) for part in _blocks(x, 1024)), np.float64(0))


def _blocks(x: np.ndarray, size: int) -> Iterator[np.ndarray]:
    ends = [*range(0, x.size, size), x.size]
    return (x[first:last] for first, last in pairwise(ends))


def clip_scale(rules: np.ndarray, sums: np.ndarray, limits: np.ndarray, together: bool) -> None:
    """`rules[:, SCALE] = share · min(1, limit / (share · norm))` with `limits = (share, limit)`.

    Args:
        rules: float64 (groups, 6), that column updated in place.
        sums: float64 (groups,), sums of squares.
        limits: float64 (2,).
        together: whether one norm is taken of all sums, which may be more then, not one of each.
    """
    share, limit = limits
    norms = share * np.sqrt(np.full(len(rules), sums.sum()) if together else sums)
    rules[:, SCALE] = [share * limit / norm if norm > limit else share for norm in norms]
