"""The lectures' recommended configurations."""

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import exactly

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(256, 4, 2)) * 5 + 3).astype(np.float32)
CLASSES = (X.sum(axis=(1, 2)) > 24).astype(np.int32) + (X[:, 0, 0] > 3)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def test_a_shallow_default_net():
    model = gm.recipes.default_dnn((4, 2), 3, hidden=(20, 10), dropout=0.1)
    assert kinds(model) == ["Flatten", *["Dense", "Activation", "Dropout"] * 2, "Dense"]
    assert model.layers[1].get_config()["use_bias"]
    assert model.layers[-1].get_config()["activation"] == "softmax"
    assert isinstance(model.optimizer, gm.optimizers.SGD)
    assert (model.optimizer.momentum, model.optimizer.nesterov) == (0.9, True)


def test_a_deep_default_net_is_normalized_and_learns():
    gm.utils.set_random_seed(1)
    model = gm.recipes.default_dnn((4, 2), 3, hidden=(20,) * 4, total_steps=8 * 30, learning_rate=0.05, sample=X)
    assert kinds(model) == ["Flatten", "Normalization", *["Dense", "BatchNormalization", "Activation"] * 4, "Dense"]
    history = model.fit(X, CLASSES, epochs=30, verbose=0).history
    assert history["accuracy"][-1] > 0.9
    assert float(model.optimizer.learning_rate) < 0.01  # 1cycle has come to its end


def test_a_self_normalizing_net_keeps_its_activations():
    gm.utils.set_random_seed(1)
    model = gm.recipes.self_normalizing_dnn(
        (4, 2), 1, task="regression", alpha_dropout=0.1, learning_rate=0.002, sample=X
    )
    assert kinds(model) == ["Flatten", "Normalization", *["Dense", "AlphaDropout"] * 8, "Dense"]
    inner = gm.Model(model.inputs, model.layers[-2].output)
    values = inner.predict(X, verbose=0)
    assert abs(values.mean()) < 0.2
    assert 0.7 < values.std() < 1.3
    targets = X.mean(axis=(1, 2))[:, None]
    losses = model.fit(X, (targets - targets.mean()) / targets.std(), epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


def test_two_classes_are_one_probability():
    model = gm.recipes.default_dnn((3,), 2)
    assert model.output_shape == (None, 1)
    assert model.layers[-1].get_config()["activation"] == "sigmoid"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "clasification"}, "Unknown task 'clasification'. Did you mean 'classification'? "
         "Known: classification, regression."),
        ({"outputs": 0}, "outputs must be an integer from 1 on. Received: outputs=0."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("recipe", [gm.recipes.default_dnn, gm.recipes.self_normalizing_dnn])
def test_mistakes(recipe, arguments, message):
    with pytest.raises(ValueError, match=exactly(message)):
        recipe(**{"input_shape": (3,), "outputs": 3} | arguments)
