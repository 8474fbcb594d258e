"""Weights that appear after a model was recorded."""

import pytest

import gemmule as gm
from tests.plan.training import X, Y, compiled, fit


def test_weights_created_late_raise():
    class Late(gm.layers.Layer):
        grown = False

        def call(self, inputs):
            if self.grown and not hasattr(self, "extra"):
                self.extra = self.add_weight(shape=(6,), initializer="ones", name="extra")
            return inputs + self.extra if hasattr(self, "extra") else inputs * 1.0

        def compute_output_shape(self, input_shape):
            return input_shape

    late = Late(name="late")
    model = compiled(late)
    fit(model, 1)
    late.grown = True
    with pytest.raises(RuntimeError, match=r"(?s)late.*extra|extra.*late|created after"):
        fit(model, 1)


class Blocks(gm.layers.Layer):
    """Layers in a list, a dict and a nested list."""

    def __init__(self):
        super().__init__()
        self.blocks, self.named, self.nested = [gm.layers.Dense(6)], {"a": gm.layers.Dense(6)}, ([gm.layers.Dense(6)],)

    def call(self, inputs):
        for layer in (*self.blocks, *self.named.values(), *self.nested[0]):
            inputs = layer(inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


def _ready_layer():
    layer = gm.layers.Dense(6, name="late")
    layer.build((None, 6))
    return layer


ADDITIONS = {
    "attribute": lambda blocks, late: setattr(blocks, "late", late),
    "list": lambda blocks, late: blocks.blocks.append(late),
    "list-entry": lambda blocks, late: blocks.blocks.__setitem__(0, late),
    "dict": lambda blocks, late: blocks.named.__setitem__("b", late),
    "nested": lambda blocks, late: blocks.nested[0].append(late),
    "inner": lambda blocks, late: setattr(blocks.blocks[0], "late", late),
    "variable": lambda blocks, late: setattr(blocks.named["a"], "late", late.kernel),
}


@pytest.mark.parametrize("addition", ADDITIONS)
@pytest.mark.parametrize("eagerly", [False, True])
def test_weights_that_come_between_batches_raise(addition, eagerly):
    blocks, late = Blocks(), _ready_layer()
    model = compiled(blocks, run_eagerly=eagerly)
    for _ in range(5):
        model.train_on_batch(X[:16], Y[:16])
    ADDITIONS[addition](blocks, late)
    for _ in range(2):  # and again: it is not forgotten
        with pytest.raises(RuntimeError, match=r"Weights were created after the model began to train.*late"):
            model.train_on_batch(X[:16], Y[:16])


def test_layers_are_walked_only_when_something_changed(monkeypatch):
    model = compiled(Blocks())
    for _ in range(4):
        model.train_on_batch(X[:16], Y[:16])
    walks = []
    walk = gm.layers.Layer._children
    monkeypatch.setattr(gm.layers.Layer, "_children", lambda self: walks.append(self) or walk(self))
    for _ in range(3):
        model.train_on_batch(X[:16], Y[:16])
    assert not walks
    gm.layers.Dense(2).build((None, 3))  # weights of another model: a look, and no complaint
    model.train_on_batch(X[:16], Y[:16])
    assert walks


def test_a_late_weight_that_becomes_trainable_raises():
    model = compiled(Blocks())
    for _ in range(4):
        model.train_on_batch(X[:16], Y[:16])
    late = _ready_layer()
    late.trainable = False
    model.layers[1].late = late
    for _ in range(2):
        model.train_on_batch(X[:16], Y[:16])
    late.trainable = True
    with pytest.raises(RuntimeError, match="Weights were created after"):
        model.train_on_batch(X[:16], Y[:16])
