"""A model with two inputs and two outputs, and data for it."""

from __future__ import annotations

import numpy as np

import gemmule as gm

RNG = np.random.default_rng(0)
N = 70
WIDE = RNG.normal(size=(N, 3)).astype(np.float32)
DEEP = RNG.normal(size=(N, 5)).astype(np.float32)
PRICE = RNG.normal(size=(N, 1)).astype(np.float32)
KIND = RNG.integers(0, 3, N)
LISTS = {"x": [WIDE, DEEP], "y": [PRICE, KIND]}
DICTS = {"x": {"wide": WIDE, "deep": DEEP}, "y": {"price": PRICE, "kind": KIND}}
LOSSES = {"price": "mse", "kind": "sparse_categorical_crossentropy"}


class Two(gm.Model):
    """Two inputs and two outputs, in lists or dicts as `as_dict` says."""

    def __init__(self, as_dict: bool = True) -> None:
        super().__init__(name="two")
        self.as_dict = as_dict
        self.hidden = gm.layers.Dense(8, activation="tanh")
        self.price = gm.layers.Dense(1)
        self.kind = gm.layers.Dense(3, activation="softmax")

    def call(self, inputs, training=None):
        wide, deep = (inputs["wide"], inputs["deep"]) if self.as_dict else inputs
        h = gm.ops.concatenate([wide, self.hidden(deep)], axis=-1)
        found = self.price(h), self.kind(h)
        return dict(zip(("price", "kind"), found)) if self.as_dict else list(found)


def make(as_dict: bool = True, **options) -> Two:
    gm.utils.clear_session()
    gm.utils.set_random_seed(7)
    model = Two(as_dict)
    model(DICTS["x"] if as_dict else LISTS["x"])  # weights are drawn now
    options.setdefault("loss", LOSSES if as_dict else list(LOSSES.values()))
    model.compile(gm.optimizers.SGD(0.05, momentum=0.9), **options)
    return model


def same_weights(one: gm.Model, two: gm.Model) -> None:
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def by_hand(model: Two, weights: tuple = (1.0, 1.0)) -> tuple[float, float, float]:
    """The sum and both losses, from predictions, in float64."""
    p = model.predict(DICTS["x"] if model.as_dict else LISTS["x"])
    price, kind = (p["price"], p["kind"]) if model.as_dict else p
    first = float(((price.astype(float) - PRICE) ** 2).mean())
    second = float(-np.log(kind[np.arange(N), KIND].astype(float)).mean())
    return weights[0] * first + weights[1] * second, first, second


def wide_and_deep(structure: type = list) -> gm.Model:
    """Géron's network of two inputs and two outputs ("Hands-On Machine Learning", chapter 10)."""
    gm.utils.clear_session()
    gm.utils.set_random_seed(3)
    wide, deep = gm.Input((3,), name="wide"), gm.Input((5,), name="deep")
    hidden = gm.layers.Dense(8, activation="relu")(deep)
    h = gm.ops.concatenate([wide, hidden], axis=-1)
    price = gm.layers.Dense(1, name="price")(h)
    kind = gm.layers.Dense(3, activation="softmax", name="kind")(hidden)
    if structure is dict:
        model = gm.Model({"wide": wide, "deep": deep}, {"price": price, "kind": kind})
    else:
        model = gm.Model(inputs=structure([wide, deep]), outputs=structure([price, kind]))
    model.compile("adam", LOSSES, loss_weights={"price": 0.9, "kind": 0.1}, metrics={"kind": "accuracy"})
    return model
