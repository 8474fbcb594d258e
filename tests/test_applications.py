"""Networks from the literature: numbers of weights as published, shapes, arguments, and a few steps of training."""

from __future__ import annotations

import numpy as np
import pytest

import gemmule as gm
from tests.helpers import exactly

# All weights, and those that training changes. Published: Keras's for ResNet-50/101/152, DenseNets and Xception; the
# trainable ones torchvision's for ResNet-18/34 and ResNeXt; the authors' for SE-ResNet-50, DenseNet-BC and All-CNN.
COUNTS = {
    "LeNet5": (61_706, 61_706),
    "CifarCNN": (122_570, 122_570),
    "FashionCNN": (1_413_834, 1_413_834),
    "AllConvNet": (1_369_738, 1_369_738),
    "ResNet18": (11_699_112, 11_689_512),
    "ResNet34": (21_814_696, 21_797_672),
    "ResNet50": (25_636_712, 25_583_592),
    "ResNet101": (44_707_176, 44_601_832),
    "ResNet152": (60_419_944, 60_268_520),
    "ResNet20": (274_042, 272_474),
    "ResNet32": (469_370, 466_906),
    "ResNet44": (664_698, 661_338),
    "ResNet56": (860_026, 855_770),
    "SEResNet18": (11_788_192, 11_778_592),
    "SEResNet34": (21_975_892, 21_958_868),
    "SEResNet50": (28_141_144, 28_088_024),
    "ResNeXt29": (34_484_170, 34_426_698),
    "ResNeXt50": (25_097_128, 25_028_904),
    "ResNeXt101": (44_315_560, 44_177_704),
    "DenseNet121": (8_062_504, 7_978_856),
    "DenseNet169": (14_307_880, 14_149_480),
    "DenseNet201": (20_242_984, 20_013_928),
    "DenseNetBC100": (793_150, 769_162),
    "Xception": (22_910_480, 22_855_952),
    "MiniXception": (726_474, 723_466),
}
NETWORKS = sorted(COUNTS)
WITH_TOP = [name for name in NETWORKS if "include_top" in getattr(gm.applications, name).__code__.co_varnames]
# Smaller versions that train in a moment.
SMALL = {
    "LeNet5": {},
    "CifarCNN": {},
    "FashionCNN": {"input_shape": (8, 8, 1)},
    "AllConvNet": {"input_shape": (12, 12, 3)},
    "ResNet18": {"cifar": True, "input_shape": (8, 8, 3), "classes": 10},
    "ResNet50": {"input_shape": (32, 32, 3), "classes": 10},
    "ResNet20": {"input_shape": (16, 16, 3)},
    "SEResNet18": {"cifar": True, "input_shape": (8, 8, 3), "classes": 10},
    "ResNeXt29": {"width": 2, "input_shape": (8, 8, 3)},
    "DenseNetBC100": {"depth": 22, "input_shape": (16, 16, 3)},
    "MiniXception": {"filters": (16, 32), "input_shape": (24, 24, 3)},
}


@pytest.fixture
def no_weights(monkeypatch):
    """Lets variables have their shapes, but neither memory nor values: the large networks would take seconds."""

    def add_weight(self, shape=None, initializer=None, dtype=None, trainable=True, name=None, **options):
        array = np.broadcast_to(np.zeros((), self.dtype), tuple(shape or ()))
        variable = gm.Variable(0.0, dtype=self.dtype, trainable=trainable, name=name)
        variable._array = array
        self._own_weights.append(variable)
        return variable

    monkeypatch.setattr(gm.Layer, "add_weight", add_weight)


def test_all_networks_are_here() -> None:
    functions = {name for name in gm.applications.__all__ if name[0].isupper()}
    assert functions == set(NETWORKS)
    table = gm.applications.__doc__ or ""
    assert all(f"`{name}`" in table for name in NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_number_of_weights(name: str, no_weights) -> None:
    model = getattr(gm.applications, name)()
    trainable = sum(variable.size for variable in model.trainable_weights)
    assert (model.count_params(), trainable) == COUNTS[name]
    assert model.name == {"LeNet5": "lenet5"}.get(name, model.name)
    classes = 1000 if name in WITH_TOP else 10
    assert model.output_shape == (None, classes)
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert f"Total params: {COUNTS[name][0]:,}" in "\n".join(lines)


@pytest.mark.parametrize("name", WITH_TOP)
def test_without_the_top(name: str, no_weights) -> None:
    build = getattr(gm.applications, name)
    maps = build(include_top=False, input_shape=(96, 96, 3))
    assert maps.output_shape[1:3] == (3, 3)
    channels = maps.output_shape[3]
    for pooling in ("avg", "max"):
        assert build(include_top=False, input_shape=(96, 96, 3), pooling=pooling).output_shape == (None, channels)
    with pytest.raises(
        ValueError, match=exactly(f"{name}: pooling must be None, 'avg' or 'max'. Received: pooling='mean'.")
    ):
        build(include_top=False, pooling="mean")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_last_layer(name: str, no_weights) -> None:
    build = getattr(gm.applications, name)
    model = build(classes=7, classifier_activation=None, name="mine")
    assert model.name == "mine"
    assert model.output_shape == (None, 7)
    assert model.layers[-1].activation is gm.activations.linear


def test_a_network_on_another_tensor(no_weights) -> None:
    pictures = gm.Input((40, 40, 1))
    colour = gm.layers.Concatenate()([pictures] * 3)
    model = gm.applications.ResNet18(input_tensor=colour, classes=5)
    assert gm.Model(pictures, model.output).output_shape == (None, 5)


def test_layers_have_the_names_of_keras(no_weights) -> None:
    names = [layer.name for layer in gm.applications.ResNet50().layers]
    assert names[1:7] == ["conv1_pad", "conv1_conv", "conv1_bn", "conv1_relu", "pool1_pad", "pool1_pool"]
    assert {"conv2_block1_0_conv", "conv2_block1_1_bn", "conv5_block3_add", "conv5_block3_out", "avg_pool"} <= set(
        names
    )
    assert names[-1] == "predictions"
    names = [layer.name for layer in gm.applications.Xception().layers]
    assert {"block1_conv1", "block2_sepconv2_bn", "block14_sepconv2_act"} <= set(names)


@pytest.mark.parametrize("name", NETWORKS)
def test_arguments_that_do_not_fit(name: str, no_weights) -> None:
    build = getattr(gm.applications, name)
    with pytest.raises(ValueError, match=f"^{name} starts from fresh weights: .*weights='imagenet'\\.$"):
        build(weights="imagenet")
    with pytest.raises(ValueError, match=exactly(f"{name} needs a positive number of classes. Received: classes=0.")):
        build(classes=0)
    with pytest.raises(ValueError, match=f"^{name} takes pictures of shape .height, width, channels., at least "):
        build(input_shape=(32, 32))
    with pytest.raises(ValueError, match=f"^{name} takes pictures of shape .height, width, channels., at least "):
        build(input_shape=(4, 4, 3))
    with pytest.raises(ValueError, match=f"^input_tensor of {name} must be symbolic"):
        build(input_tensor=np.zeros((1, 32, 32, 3)))


def test_squeeze_and_excite_weighs_channels() -> None:
    inputs = gm.Input((4, 4, 8))
    model = gm.Model(inputs, gm.applications.squeeze_and_excite(inputs, "se", ratio=2))
    x = np.random.default_rng(0).normal(size=(3, 4, 4, 8)).astype(np.float32)
    reduce, expand = model.get_layer("se_reduce").get_weights(), model.get_layer("se_expand").get_weights()
    hidden = np.maximum(x.mean(axis=(1, 2)) @ reduce[0] + reduce[1], 0)
    weights = 1 / (1 + np.exp(-(hidden @ expand[0] + expand[1])))
    np.testing.assert_allclose(model.predict(x), x * weights[:, None, None, :], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="ratio must be a number from 1 to that of the channels, 8"):
        gm.applications.squeeze_and_excite(inputs, ratio=9)
    with pytest.raises(ValueError, match="Feature maps have the shape"):
        gm.applications.squeeze_and_excite(gm.Input((8,)))


LARGE = {"ResNet18", "ResNet50", "SEResNet18"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in SMALL])
def test_small_versions_learn(name: str) -> None:
    gm.utils.set_random_seed(1)
    model = getattr(gm.applications, name)(**SMALL[name])
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 16)
    x = (rng.normal(0, 0.3, (16, *model.input_shape[1:])) + y[:, None, None, None]).astype(np.float32)
    logits = name == "CifarCNN"
    loss = gm.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(gm.optimizers.Adam(1e-3), loss, jit_compile=True)
    history = model.fit(x, y, epochs=5, batch_size=8, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert min(history[1:]) < history[0]
    assert model.predict(x, verbose=0).shape == (16, 10)


@pytest.mark.parametrize("name", ["LeNet5", "ResNet20", "MiniXception"])
def test_networks_are_written_and_made_again(name: str, tmp_path) -> None:
    model = getattr(gm.applications, name)(**SMALL[name])
    model.save_weights(tmp_path / "weights.safetensors")
    again = getattr(gm.applications, name)(**SMALL[name])
    again.load_weights(tmp_path / "weights.safetensors")
    x = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(model.predict(x), again.predict(x))
