"""What a newcomer gets wrong, end to end: the whole answer to each mistake, and what works after all."""

import numpy as np
import pytest

import gemmule as gm
from gemmule.errors import NonFiniteError

X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int32)


def classifier(loss="sparse_categorical_crossentropy"):
    model = gm.Sequential(
        [gm.Input((6,)), gm.layers.Dense(4, activation="relu"), gm.layers.Dense(3, activation="softmax")]
    )
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def regressor():
    model = gm.Sequential([gm.Input((6,)), gm.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def fit(x=X, y=Y, model=None, **kwargs):
    return (model or classifier()).fit(x, y, verbose=0, **kwargs)


SHAPE = 'Sequential model "sequential" expects examples of shape (6,), the batch in front. '
WITH_NAN = np.where(np.arange(64)[:, None] == 40, np.nan, X)
FINITE = "Weights and statistics are those of the last finite step."
CLEAN = "Clean it, for example with x[np.isfinite(x).all(axis=1)]. "

CASES = {
    "feature count": (
        lambda: fit(X[:, :5]),
        ValueError,
        SHAPE + "Feed data of that shape, or change the Input of the model. Received: examples of shape (5,).",
    ),
    "rank": (
        lambda: fit(X[:, None]),
        ValueError,
        SHAPE + "Reshape each example: x.reshape(-1, 6). Received: examples of shape (1, 6).",
    ),
    "predict with another feature count": (
        lambda: classifier().predict(X[:, :3]),
        ValueError,
        SHAPE + "Feed data of that shape, or change the Input of the model. Received: examples of shape (3,).",
    ),
    "empty": (
        lambda: fit(X[:0], Y[:0]),
        ValueError,
        "x has no examples: its first dimension is 0. Received: x=<ndarray shape=(0, 6) dtype=float32>.",
    ),
    "different length": (
        lambda: fit(X, Y[:60]),
        ValueError,
        "x and y must have the same number of examples, their first dimension. "
        "Received: x.shape=(64, 6), y.shape=(60,).",
    ),
    "NaN input": (
        lambda: fit(WITH_NAN, shuffle=False),
        NonFiniteError,
        "The loss became NaN or infinite at epoch 1, batch 2 of 2. The data itself is not finite: the batch has 6 NaN "
        f"and 0 infinite of 192 values, first in row 40 of x. {CLEAN}{FINITE}",
    ),
    "infinite targets": (
        lambda: fit(X, np.full((64, 1), np.inf), regressor(), shuffle=False),
        NonFiniteError,
        "The loss became NaN or infinite at epoch 1, batch 1 of 2. The data itself is not finite: the batch has 0 NaN "
        f"and 32 infinite of 32 values, first in row 0 of y. {CLEAN}{FINITE}",
    ),
    "label too large": (
        lambda: fit(y=Y + 2),
        ValueError,
        "sparse_categorical_crossentropy: target 3 at position 0 (and 34 more) is out of range. The model's last layer "
        "has 3 units, so labels run from 0 to 2. Give it 4 units, or number the classes anew from 0.",
    ),
    "negative label": (
        lambda: fit(y=Y - 1),
        ValueError,
        "sparse_categorical_crossentropy: target -1 at position 2 (and 28 more) is out of range. The model's last "
        "layer has 3 units, so labels run from 0 to 2. Number the classes anew from 0: "
        "y = np.unique(y, return_inverse=True)[1].",
    ),
    "(n,) against (n, 1)": (
        lambda: fit(y=X[:, 0], model=regressor()),
        ValueError,
        "mean_squared_error: the targets have shape (64,), but the predictions have shape (None, 1). "
        "Give the targets a last axis of 1: y = y.reshape(-1, 1).",
    ),
    "one-hot with a sparse loss": (
        lambda: fit(y=gm.utils.to_categorical(Y, 3)),
        ValueError,
        "sparse_categorical_crossentropy: the targets have shape (64, 3), which looks one-hot, but this loss wants one "
        "class number for each example, shape (None,). For one-hot targets use categorical_crossentropy, or convert "
        "them: y = y.argmax(axis=-1).",
    ),
    "class numbers with a one-hot loss": (
        lambda: fit(model=classifier("categorical_crossentropy")),
        ValueError,
        "categorical_crossentropy: the targets have shape (64,), one number for each example, but this loss wants one "
        "probability for each of the 3 classes, shape (None, 3). For class numbers use "
        "sparse_categorical_crossentropy, or convert them: y = gm.utils.to_categorical(y, 3).",
    ),
    "class_weight with sample_weight": (
        lambda: fit(class_weight={0: 1.0}, sample_weight=np.ones(64)),
        ValueError,
        "class_weight and sample_weight cannot be used together. Multiply the class weights into sample_weight: "
        "sample_weight * np.array([class_weight[c] for c in y]).",
    ),
    "objects": (
        lambda: fit(X.astype(object)),
        TypeError,
        "x must hold real numbers. Received: x=<ndarray shape=(64, 6) dtype=object>. If all elements are numbers of "
        "one shape: x = np.array(x.tolist(), dtype='float32').",
    ),
    "complex numbers": (
        lambda: fit(X.astype(complex)),
        TypeError,
        "x must hold real numbers. Received: x=<ndarray shape=(64, 6) dtype=complex128>. Split complex numbers: "
        "np.stack([x.real, x.imag], axis=-1).",
    ),
    "a float64 layer in a float32 model": (
        lambda: gm.Sequential([gm.layers.Dense(4), gm.layers.Dense(4, dtype="float64")]),
        ValueError,
        'A model has one floating dtype: "sequential" is float32, but its layer "dense_1" is float64. Leave out dtype= '
        "of the layers, and call gm.config.set_floatx('float64') before making the model if you want that type for "
        "all.",
    ),
    "zero units": (
        lambda: gm.layers.Dense(0),
        ValueError,
        'dense (layer "dense"): units must be a positive integer, the number of outputs. Received: units=0.',
    ),
    "negative dropout": (
        lambda: gm.layers.Dropout(-0.5),
        ValueError,
        'dropout (layer "dropout"): rate must be a number from 0 to 1. Received: rate=-0.5.',
    ),
    "fit before compile": (
        lambda: fit(model=gm.Sequential([gm.layers.Dense(2)])),
        RuntimeError,
        "fit() needs a compiled model. Call model.compile(optimizer=..., loss=...) before fit().",
    ),
    "no targets": (
        lambda: classifier().fit(X),
        ValueError,
        'The loss "sparse_categorical_crossentropy" needs targets. Pass them as the second argument: fit(x, y).',
    ),
    "a regularizer": (
        lambda: gm.layers.Dense(3, kernel_regularizer="l3"),
        ValueError,
        "dense (layer \"dense\"): unknown regularizer 'l3'. Known: l1, l1_l2, "
        "l1l2, l2, orthogonal, orthogonal_regularizer.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_answer(case):
    mistake, kind, message = CASES[case]
    with pytest.raises(kind) as caught:
        mistake()
    assert str(caught.value) == message


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(
    "x",
    [
        X.astype(">f4"),
        X[::-1][::-1],
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[:, ::2],
        X.astype(np.float64),
        X.tolist(),
        np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view(np.float32).reshape(X.shape),
    ],
    ids=["big-endian", "negative strides", "Fortran order", "strided", "float64", "nested list", "misaligned"],
)
def test_unusual_arrays_give_the_same_weights(x, backend):
    def train(data):
        gm.utils.clear_session()
        gm.utils.set_random_seed(1)
        model = classifier()
        model.fit(data, Y, epochs=2, verbose=0)
        return np.concatenate([w.ravel() for w in model.get_weights()])

    with gm.use_backend(backend):
        np.testing.assert_array_equal(train(x), train(X))


def test_read_only_arrays_work_and_are_left_alone():
    x, y = X.copy(), Y.copy()
    x.flags.writeable = y.flags.writeable = False
    model = classifier()
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    model.predict_on_batch(x)
    model.train_on_batch(x, y)
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize(
    ("module", "name", "near"),
    [
        ("layers", "Dens", "Dense"),
        ("optimizers", "Adamm", "Adam"),
        ("optimizers.schedules", "CosineDecays", "CosineDecay"),
        ("losses", "MSError", "MeanSquaredError"),
        ("metrics", "Acuracy", "Accuracy"),
        ("callbacks", "EarlyStoping", "EarlyStopping"),
        ("constraints", "maxnorm", "max_norm"),
        ("regularizers", "L1_L2", "L1L2"),
        ("initializers", "HeNorml", "HeNormal"),
        ("ops", "sofmax", "softmax"),
        ("utils", "plot_modl", "plot_model"),
        ("applications", "ResNet5O", "ResNet50"),
        ("datasets", "mnst", "mnist"),
    ],
)
def test_unknown_names_of_modules_list_near_matches(module, name, near):
    found = gm
    for part in module.split("."):
        found = getattr(found, part)
    with pytest.raises(AttributeError, match=f"no attribute '{name}'. Did you mean .*'{near}'"):
        getattr(found, name)
