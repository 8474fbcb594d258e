"""Residual networks (K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", 2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gemmule import layers
from gemmule.applications._parts import Shape, channels_of, entrance, finish, head, normalized
from gemmule.models import Model
from gemmule.symbolic import SymbolicTensor

Block = Callable[[SymbolicTensor, int, int, str], SymbolicTensor]  # (x, filters, strides, name)
Attention = Callable[[SymbolicTensor, str], SymbolicTensor]

# ---- Blocks ----------------------------------------------------------------------------------------------------------


def basic_block(
    x: SymbolicTensor, filters: int, strides: int, name: str, attention: Attention | None = None
) -> SymbolicTensor:
    """Two 3×3 convolutions and the shortcut around them.

    Args:
        x: feature maps.
        filters: of both convolutions.
        strides: of the first one.
        name: beginning of the layers' names.
        attention: weighs the maps before they are added to the shortcut.
    """
    shortcut = x
    if strides != 1 or channels_of(x) != filters:
        shortcut = normalized(x, filters, 1, strides, None, f"{name}_0")
    x = normalized(x, filters, 3, strides, "relu", f"{name}_1")
    x = normalized(x, filters, 3, 1, None, f"{name}_2")
    return _joined(x if attention is None else attention(x, f"{name}_se"), shortcut, name)


def bottleneck_block(
    x: SymbolicTensor,
    filters: int,
    strides: int,
    name: str,
    attention: Attention | None = None,
    **options: Any,
) -> SymbolicTensor:
    """1×1, 3×3 and 1×1 convolution, the last with four times the filters, and the shortcut around them.

    Args:
        x: feature maps.
        filters: of the first two convolutions.
        strides: of the first one, as in the paper and in Keras.
        name: beginning of the layers' names.
        attention: weighs the maps before they are added to the shortcut.
        **options: further arguments of the convolutions.
    """
    shortcut = x
    if strides != 1 or channels_of(x) != 4 * filters:
        shortcut = normalized(x, 4 * filters, 1, strides, None, f"{name}_0", **options)
    x = normalized(x, filters, 1, strides, "relu", f"{name}_1", **options)
    x = normalized(x, filters, 3, 1, "relu", f"{name}_2", **options)
    x = normalized(x, 4 * filters, 1, 1, None, f"{name}_3", **options)
    return _joined(x if attention is None else attention(x, f"{name}_se"), shortcut, name)


def _joined(x: SymbolicTensor, shortcut: SymbolicTensor, name: str) -> SymbolicTensor:
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def stack(
    x: SymbolicTensor, block: Block, filters: Sequence[int], counts: Sequence[int], first_strides: int = 1
) -> SymbolicTensor:
    """Stages of blocks; each stage but the first halves the maps.

    Args:
        x: feature maps.
        block: makes one block.
        filters: of each stage.
        counts: blocks in each stage.
        first_strides: of the first stage.
    """
    for stage, (width, count) in enumerate(zip(filters, counts, strict=True), start=2):
        for number in range(1, count + 1):
            strides = 1 if number > 1 else first_strides if stage == 2 else 2
            x = block(x, width, strides, f"conv{stage}_block{number}")
    return x


def stem(x: SymbolicTensor, small: bool, filters: int = 64, **options: Any) -> SymbolicTensor:
    """What comes before the blocks: a 7×7 convolution and a pooling, or one 3×3 convolution for small pictures.

    Args:
        x: pictures.
        small: whether they are small.
        filters: of the convolution.
        **options: its further arguments.
    """
    if small:
        return normalized(x, filters, 3, 1, "relu", "conv1", **options)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = normalized(x, filters, 7, 2, "relu", "conv1", **({"padding": "valid"} | options))
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


# ---- Networks --------------------------------------------------------------------------------------------------------


def network(title: str, text: str, block: Block, counts: Sequence[int], **options: Any) -> Callable[..., Model]:
    """A function that builds a network for large pictures.

    Args:
        title: its name.
        text: the first paragraph of its docstring.
        block: makes one block.
        counts: blocks in each of the four stages.
        **options: further arguments of the first convolution.
    """

    def build(
        include_top: bool = True,
        weights: None = None,
        input_tensor: Any = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        cifar: bool = False,
        name: str | None = title.lower(),
    ) -> Model:
        default = (32, 32, 3) if cifar else (224, 224, 3)
        inputs = entrance(title, weights, input_tensor, input_shape, default, 8 if cifar else 32, classes)
        x = stack(stem(inputs, cifar, **options), block, (64, 128, 256, 512), counts)
        return finish(inputs, head(title, x, include_top, pooling, classes, classifier_activation), name)

    build.__name__ = build.__qualname__ = title
    build.__doc__ = f"""{text}

    Args:
        include_top: whether the network classifies; else it ends with feature maps.
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(224, 224, 3)` by default, `(32, 32, 3)` with `cifar=True`.
        pooling: without the top: `None` for feature maps, `"avg"` or `"max"` for vectors.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits.
        cifar: whether pictures are small: then a 3×3 convolution without pooling comes first.
        name: of the model.

    Returns:
        A model that is not compiled yet.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.{title}(classes=10, cifar=True)
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    """
    return build


_HE = 'K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", 2016'
# Keras gives the convolutions of its bottleneck networks biases, which the normalization behind them makes idle.
_BIASED: dict[str, Any] = {"use_bias": True, "epsilon": 1.001e-5}

ResNet18 = network("ResNet18", f"ResNet-18 ({_HE}): 11,699,112 weights with 1000 classes.", basic_block, (2, 2, 2, 2))
ResNet34 = network("ResNet34", f"ResNet-34 ({_HE}): 21,814,696 weights with 1000 classes.", basic_block, (3, 4, 6, 3))
ResNet50 = network(
    "ResNet50",
    f"ResNet-50 ({_HE}) with Keras's names of layers: 25,636,712 weights with 1000 classes.",
    partial(bottleneck_block, **_BIASED),
    (3, 4, 6, 3),
    **_BIASED,
)
ResNet101 = network(
    "ResNet101",
    f"ResNet-101 ({_HE}) with Keras's names of layers: 44,707,176 weights with 1000 classes.",
    partial(bottleneck_block, **_BIASED),
    (3, 4, 23, 3),
    **_BIASED,
)
ResNet152 = network(
    "ResNet152",
    f"ResNet-152 ({_HE}) with Keras's names of layers: 60,419,944 weights with 1000 classes.",
    partial(bottleneck_block, **_BIASED),
    (3, 8, 36, 3),
    **_BIASED,
)


def _small_network(depth: int) -> Callable[..., Model]:
    """A function that builds the network of `6n + 2` layers for pictures of 32×32."""
    title = f"ResNet{depth}"

    def build(
        weights: None = None,
        input_tensor: Any = None,
        input_shape: Shape | None = None,
        classes: int = 10,
        classifier_activation: Any = "softmax",
        name: str | None = title.lower(),
    ) -> Model:
        inputs = entrance(title, weights, input_tensor, input_shape, (32, 32, 3), 8, classes)
        x = stack(stem(inputs, True, 16), basic_block, (16, 32, 64), [(depth - 2) // 6] * 3)
        return finish(inputs, head(title, x, True, None, classes, classifier_activation), name)

    build.__name__ = build.__qualname__ = title
    build.__doc__ = f"""The small ResNet of {depth} layers for CIFAR-10 ({_HE}, section 4.2).

    Three stages of 16, 32 and 64 filters. Where the maps are halved the shortcut is a 1×1 convolution (option B of the
    paper).

    Args:
        weights: only `None`.
        input_tensor: a symbolic tensor to build on.
        input_shape: of a picture, `(32, 32, 3)` by default.
        classes: number of classes.
        classifier_activation: of the last layer; `None` for logits.
        name: of the model.

    Returns:
        A model that is not compiled yet.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> model = gm.applications.{title}()
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    """
    return build


ResNet20, ResNet32, ResNet44, ResNet56 = (_small_network(depth) for depth in (20, 32, 44, 56))
