"""The base class: building, tracking, freezing, training flag, own subclasses, and what it refuses."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import re

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import Activation, Dense, Dropout, Flatten, LeakyReLU, ReLU, Reshape, Softmax
from tests.helpers import exactly

X = np.ones((2, 4), np.float32)


class Scale(gm.layers.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, inputs):
        return inputs * self.factor


class Tells(gm.layers.Layer):
    """Keeps the training flags it was called with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, inputs, training=None):
        self.seen.append(training)
        return inputs


class Block(gm.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = Dense(3)
        self.more = [Dense(3), Dense(3)]
        self.named = {"a": Dense(2)}
        self.offset = gm.Variable(np.zeros(2, np.float32), name="offset")
        self.steps = gm.Variable(0, trainable=False)

    def call(self, inputs):
        x = self.first(inputs)
        for layer in self.more:
            x = layer(x)
        return self.named["a"](x) + self.offset


def test_names_count_up_and_start_anew():
    assert [Dense(1).name, Dense(1).name, LeakyReLU().name, ReLU().name] == ["dense", "dense_1", "leaky_re_lu", "re_lu"]
    gm.utils.clear_session()
    assert Dense(1).name == "dense"
    assert Dense(1, name="out").name == "out"


def test_own_layer_is_built_by_its_first_call():
    layer = Scale()
    assert not layer.built
    np.testing.assert_array_equal(layer(X).numpy(), X)
    assert layer.built
    assert layer.factor.path == "scale/factor"
    assert layer.factor.trainable
    assert layer.input_shape == layer.output_shape == (None, 4)
    assert layer.compute_output_shape((None, 9, 4)) == (None, 9, 4)


def test_sublayers_and_variables_are_found_in_attributes_lists_and_dicts():
    block = Block()
    block(X)
    assert len(block.trainable_weights) == 9
    assert len(block.non_trainable_weights) == 1
    assert len(block.weights) == len(block.variables) == 10
    assert block.weights[:2] == [block.offset, block.steps]
    assert block.offset.path == "block/offset"
    block.more.append(Dense(3))
    block(X)
    assert len(block.weights) == 12


def test_a_layer_cannot_be_a_part_of_itself():
    block, outer = Block(), Block()
    outer.inner = block
    for inside in (outer, block):
        with pytest.raises(
            ValueError,
            match=exactly(
                f'Layer "{inside.name}" cannot hold layer "{outer.name}" as its attribute \'whole\': it would be a '
                "part of itself. Keep the reference outside of the layers."
            ),
        ):
            inside.whole = outer
    outer(X)
    assert len(outer.trainable_weights) == 10  # nine of its own, one that the other has from the beginning


def test_freezing_reaches_all_sublayers_and_comes_back():
    block = Block()
    block(X)
    block.trainable = False
    assert block.trainable_weights == []
    assert not block.first.kernel.trainable
    assert len(block.non_trainable_weights) == 10
    block.trainable = True
    assert len(block.trainable_weights) == 9
    assert not block.steps.trainable
    block.first.trainable = False
    assert len(block.trainable_weights) == 7


def test_a_layer_frozen_before_it_is_built_has_frozen_weights():
    layer = Dense(2, trainable=False)
    layer(X)
    assert layer.trainable_weights == []
    layer.trainable = True
    assert len(layer.trainable_weights) == 2


def test_training_comes_from_the_argument_else_from_the_call_around():
    class Outer(gm.layers.Layer):
        def __init__(self, inner, **fixed):
            super().__init__()
            self.inner, self.fixed = inner, fixed

        def call(self, inputs):
            return self.inner(inputs, **self.fixed)

    tells = Tells()
    outer, fixed = Outer(tells), Outer(tells, training=False)
    tells(X)
    tells(X, training=True)
    tells(X, True)
    outer(X, training=True)
    outer(X)
    fixed(X, training=True)
    assert tells.seen == [False, True, True, True, False, False]


def test_gradients_reach_own_weights():
    layer = Scale()
    with gm.GradientTape() as tape:
        loss = gm.ops.sum(layer(X))
    np.testing.assert_array_equal(tape.gradient(loss, layer.factor).numpy(), np.full(4, 2.0))


def test_input_shape_on_a_layer_and_partial():
    hidden = functools.partial(Dense, activation="relu", kernel_initializer="he_normal")
    model = gm.Sequential([Flatten(input_shape=[28, 28]), hidden(30), hidden(10, activation="softmax")])
    assert model.output_shape == (None, 10)
    assert model.count_params() == 784 * 30 + 30 + 310


def test_nested_inputs():
    class Add(gm.layers.Layer):
        def call(self, inputs):
            return inputs["a"] + inputs["b"]

    layer = Add()
    np.testing.assert_array_equal(layer({"a": X, "b": [[1, 2, 3, 4]] * 2}).numpy(), X + np.array([1, 2, 3, 4]))
    assert layer.input_shape == {"a": (None, 4), "b": (None, 4)}


def test_replacing_an_activation_is_noticed():
    from gemmule import mutation

    layer = Dense(3, activation="softmax")
    before = mutation.version()
    layer.activation = gm.activations.linear
    assert mutation.version() > before
    assert layer(X).logits is None


def test_overruling_a_default_of_the_class_is_noticed():
    from gemmule import mutation

    class Switch(gm.layers.Layer):
        on = False

        def call(self, inputs):
            return inputs * 2 if self.on else inputs

    layer = Switch()
    layer(X)
    before = mutation.version()
    layer.on = True
    assert mutation.version() > before


def test_softmax_remembers_its_logits():
    assert Dense(3, activation="softmax")(X).logits is not None
    assert Dense(1, activation="sigmoid")(X).logits is not None
    assert Softmax()(X).logits is not None


def test_dropout():
    layer = Dropout(0.5, seed=1)
    x = np.ones((100, 100), np.float32)
    assert layer(x).numpy().min() == 1
    y = layer(x, training=True).numpy()
    assert set(np.unique(y)) == {0.0, 2.0}
    assert abs(y.mean() - 1) < 0.05
    assert (layer(x, training=True).numpy() != y).any()
    layer.rate = 0.9
    assert layer.rate == 0.9
    assert abs((layer(x, training=True).numpy() == 0).mean() - 0.9) < 0.02
    rows = Dropout(0.5, noise_shape=(None, 1))(x, training=True).numpy()
    assert (rows == rows[:, :1]).all()
    assert set(np.unique(rows)) == {0.0, 2.0}


def test_relu_is_keras_formula():
    x = np.array([-2.0, 0.0, 0.3, 0.5, 0.7, 2.0], np.float32)
    y = ReLU(max_value=1.0, negative_slope=0.1, threshold=0.5)(x).numpy()
    np.testing.assert_allclose(y, [-0.25, -0.05, -0.02, 0, 0.7, 1.0], atol=1e-7)


def test_weights_can_be_read_and_replaced():
    layer = Dense(3)
    layer(X)
    weights, biases = layer.get_weights()
    layer.set_weights([weights * 2, biases + 1])
    np.testing.assert_array_equal(layer.kernel.numpy(), weights * 2)
    np.testing.assert_array_equal(layer.bias.numpy(), biases + 1)
    weights[:] = 0
    assert layer.kernel.numpy().any()


MESSAGES = [
    (lambda: Dense(0), ValueError,
     'dense (layer "dense"): units must be a positive integer, the number of outputs. Received: units=0.'),
    (lambda: Dense(2.5), ValueError,
     'dense (layer "dense"): units must be a positive integer, the number of outputs. Received: units=2.5.'),
    (lambda: Dropout(-0.1), ValueError,
     'dropout (layer "dropout"): rate must be a number from 0 to 1. Received: rate=-0.1.'),
    (lambda: Activation("rellu"), ValueError,
     "activation (layer \"activation\"): unknown activation 'rellu'. Did you mean 'relu' or 'relu6' or 'elu'? Known: "
     "celu, elu, exponential, gelu, hard_shrink, hard_sigmoid, hard_silu, hard_swish, hard_tanh, leaky_relu, "
     "linear, log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, "
     "softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus, swish, tanh, tanh_shrink."),
    (lambda: Activation("glu"), ValueError,
     "activation (layer \"activation\"): the name 'glu' is no activation of a layer: it halves an axis. Call "
     "gm.activations.glu on the layer's output, or put it into a Lambda layer."),
    (lambda: Dense(3, activation="threshold"), ValueError,
     "dense (layer \"dense\"): the name 'threshold' is no activation of a layer: it needs two numbers. Pass a "
     "function: lambda x: gm.activations.threshold(x, 1.0, 0.0)."),
    (lambda: Dense(3, dtype="float16"), ValueError,
     "gemmule does not compute with dtype 'float16'. Did you mean 'float64' or 'float32'? Known: bool, float32, "
     "float64, int32, int64, uint8."),
    (lambda: Dense(3)(np.zeros(4)), ValueError,
     'dense (layer "dense"): the input must have at least 2 dimensions, (batch, features). Reshape one column of '
     "numbers with x.reshape(-1, 1), "
     "one example with x[np.newaxis]. Received: input.shape=(None,)."),
    (lambda: LeakyReLU(-1), ValueError,
     'leaky_re_lu (layer "leaky_re_lu"): negative_slope must be a number of at least 0. Received: '
     "negative_slope=-1."),
    (lambda: Softmax(axis=(1, 2))(X), ValueError,
     'softmax (layer "softmax"): axis must be an integer from -2 to 1. Received: axis=2.'),
    (lambda: Flatten(data_format="channels_first"), ValueError,
     "gemmule keeps channels last. Transpose the images once: x = x.transpose(0, 2, 3, 1). Received: "
     "data_format='channels_first'."),
    (lambda: Reshape((3, 5))(X), ValueError,
     'reshape (layer "reshape"): examples of 4 elements do not fit the target shape (3, 5). Choose dimensions '
     "whose product is 4. "
     "Received: input.shape=(None, 4)."),
    (lambda: gm.Input(784), ValueError,
     "A shape is a tuple of positive integers. Write (784,) for one dimension. Received: shape=784."),
    (lambda: gm.Input((784,), sparse=True), NotImplementedError,
     "Input(sparse=...) is not supported yet. Leave it at its default."),
    (lambda: Dense(3).count_params(), ValueError,
     'Layer "dense" has no weights yet. Build it, or call it on data, first.'),
]  # fmt: skip


@pytest.mark.parametrize(("action", "error", "message"), MESSAGES)
def test_messages(action, error, message):
    with pytest.raises(error, match=exactly(message)):
        action()


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [("Dense", (3,)), ("Activation", ()), ("Conv1D", (3, 3)), ("Conv2D", (3, 3)), ("Conv2DTranspose", (3, 3)),
     ("DepthwiseConv2D", (3,)), ("SeparableConv2D", (3, 3))],
)  # fmt: skip
def test_unknown_activations_and_initializers_name_the_layer(cls, arguments):
    make = getattr(gm.layers, cls)
    start = f'{gm.naming.snake_case(cls)} (layer "mine"): '
    with pytest.raises(ValueError, match="^" + re.escape(f"{start}unknown activation 'rel'. Did you mean 'relu' or ")):
        make(*arguments, activation="rel", name="mine")
    with pytest.raises(TypeError, match=exactly(
        f"{start}an activation is a name such as 'relu', or a function. Received: activation=3."
    )):  # fmt: skip
        make(*arguments, activation=3, name="mine")
    if cls != "Activation":
        with pytest.raises(ValueError, match="^" + re.escape(f"{start}unknown initializer 'zeroo'. Did you mean ")):
            make(*arguments, bias_initializer="zeroo", name="mine")


WINDOWS = "strides padding data_format"
RULES = "kernel_regularizer bias_regularizer activity_regularizer kernel_constraint bias_constraint"
KERNEL = f"activation use_bias kernel_initializer bias_initializer {RULES}"
EACH = KERNEL.replace("kernel_", "depthwise_")
BOTH = EACH.replace("depthwise_constraint", "depthwise_constraint pointwise_constraint")
for what in ("initializer", "regularizer"):
    BOTH = BOTH.replace(f"depthwise_{what}", f"depthwise_{what} pointwise_{what}")
PARAMETERS = "center scale beta_initializer gamma_initializer"
NORM_RULES = "beta_regularizer gamma_regularizer beta_constraint gamma_constraint"
MOVED = "fill_mode interpolation seed fill_value data_format"
SIGNATURES = {  # Keras's, in its order
    "Conv1D": f"filters kernel_size {WINDOWS} dilation_rate groups {KERNEL}",
    "Conv2D": f"filters kernel_size {WINDOWS} dilation_rate groups {KERNEL}",
    "Conv2DTranspose": f"filters kernel_size strides padding output_padding data_format dilation_rate {KERNEL}",
    "DepthwiseConv2D": f"kernel_size strides padding depth_multiplier data_format dilation_rate {EACH}",
    "SeparableConv2D": f"filters kernel_size {WINDOWS} dilation_rate depth_multiplier {BOTH}",
    **{f"{kind}Pooling{rank}D": f"pool_size {WINDOWS} name" for kind in ("Max", "Average") for rank in (1, 2)},
    **{f"Global{kind}Pooling{rank}D": "data_format keepdims" for kind in ("Max", "Average") for rank in (1, 2)},
    "BatchNormalization": f"axis momentum epsilon {PARAMETERS} moving_mean_initializer moving_variance_initializer "
    f"{NORM_RULES} renorm renorm_clipping renorm_momentum synchronized",
    "LayerNormalization": f"axis epsilon {PARAMETERS} {NORM_RULES} rms_scaling",
    "GroupNormalization": f"groups axis epsilon {PARAMETERS} {NORM_RULES}",
    "PReLU": "alpha_initializer alpha_regularizer alpha_constraint shared_axes",
    "Softmax": "axis",
    "ActivityRegularization": "l1 l2",
    "AlphaDropout": "rate noise_shape seed",
    "GaussianDropout": "rate seed",
    "GaussianNoise": "stddev seed",
    "RandomFlip": "mode seed data_format",
    "RandomTranslation": f"height_factor width_factor {MOVED}",
    "RandomRotation": f"factor {MOVED}",
    "RandomZoom": f"height_factor width_factor {MOVED}",
    "RandomCrop": "height width seed data_format",
    "RandomContrast": "factor value_range seed",
}


@pytest.mark.parametrize("cls", SIGNATURES)
def test_constructors_show_keras_arguments(cls):
    """Whatever they share behind the scenes: editors and `help` read the signature."""
    parameters = inspect.signature(getattr(gm.layers, cls)).parameters.values()
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == SIGNATURES[cls].split()
    assert [p.name for p in parameters if p.kind is not p.POSITIONAL_OR_KEYWORD] == ["kwargs"]


def test_constructors_can_be_extended():
    class Edges(gm.layers.Conv2D):
        def __init__(self, strength=2.0, **kwargs):
            super().__init__(4, 3, padding="same", **kwargs)
            self.strength = strength

        def get_config(self):
            config = {**super().get_config(), "strength": self.strength}
            return {key: value for key, value in config.items() if key in ("strength", "name", "use_bias")}

    layer = Edges(3.0, use_bias=False, name="edges")
    assert layer(np.ones((1, 5, 5, 2), np.float32)).shape == (1, 5, 5, 4)
    assert Edges.from_config(layer.get_config()).get_config() == layer.get_config()
    with pytest.raises(TypeError, match="Edges has no argument 'strides_'"):
        Edges(strides_=2)


@pytest.mark.parametrize("value", ["a", 1j, None, object()])
def test_only_numbers_go_in(value):
    with pytest.raises(TypeError, match=r'^tensor \(layer "dense\w*"\): tensors hold real numbers or booleans'):
        Dense(3)(np.array([[value, value]]))


def test_wrong_number_of_features():
    layer = Dense(3)
    layer(X)
    message = (
        'dense (layer "dense"): input has 5 features but the kernel expects 4. Feed as many features as the layer was '
        "built for, or make a new layer for the new number. Received: input.shape=(2, 5), kernel.shape=(4, 3)."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        layer(np.ones((2, 5)))
    with pytest.raises(ValueError, match="Flatten each example first"):
        layer(np.ones((2, 2, 2)))


def test_unknown_argument_lists_near_ones():
    with pytest.raises(TypeError, match=r"^Dense has no argument 'activaton'\. Did you mean 'activation'\?"):
        Dense(3, activaton="relu")


def test_a_weight_created_in_call_is_refused():
    class Late(gm.layers.Layer):
        def call(self, inputs):
            return inputs * self.add_weight((1,), name="late")

    message = (
        "Layer \"late\" creates weight 'late' after it was built: it would never be trained. Create it in "
        "Late.__init__ or build."
    )
    with pytest.raises(RuntimeError, match=exactly(message)):
        Late()(X)


def test_a_layer_created_in_call_is_refused():
    class Late(gm.layers.Layer):
        def call(self, inputs):
            self.inner = Dense(3)
            return self.inner(inputs)

    with pytest.raises(RuntimeError, match=r"the attribute 'inner', which holds weights, after it was built"):
        Late()(X)


def test_forgotten_super_init_and_forgotten_return():
    class NoInit(gm.layers.Layer):
        def __init__(self):
            self.inner = Dense(3)

    class NoReturn(gm.layers.Layer):
        def call(self, inputs):
            inputs * 2

    with pytest.raises(RuntimeError, match=r"^NoInit.__init__ did not call super\(\).__init__\(\)"):
        NoInit()(X)
    with pytest.raises(ValueError, match=r'^Layer "no_return" returned None. Return the outputs from NoReturn.call.'):
        NoReturn()(X)


def test_copies_and_pickles_are_refused():
    for action in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r'^Layer "out" cannot be copied or pickled yet'):
            action(Dense(3, name="out"))


def test_set_weights_checks_all_before_changing_any():
    layer = Dense(3)
    layer(X)
    before = layer.get_weights()
    message = (
        'Weight 1 of "dense", dense/bias, has shape (3,) and cannot be replaced by an array of another shape. '
        "Received: shape=(4,). Nothing was changed."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        layer.set_weights([np.zeros((4, 3)), np.zeros(4)])
    with pytest.raises(ValueError, match=r'^"dense" has 2 weights, but 1 arrays were given.'):
        layer.set_weights(before[:1])
    for a, b in zip(layer.get_weights(), before):
        np.testing.assert_array_equal(a, b)
