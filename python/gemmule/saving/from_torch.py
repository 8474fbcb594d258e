"""Weights of a PyTorch model, from a `state_dict` in a safetensors file."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gemmule.errors import GemmuleWarning, did_you_mean, received
from gemmule.saving.flattening import FeatureOrders, channels_last_order
from gemmule.saving.matching import Group, Mapped, Matcher, Target, check_mapping, place_of, quoted, targets_of
from gemmule.saving.safetensors import load_file
from gemmule.utils.paths import path_of

_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")
_WRAPPERS = ("module.", "_orig_mod.")  # put in front of all names by DataParallel and torch.compile
_IGNORED = ("num_batches_tracked",)
_NORM_ROLES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_EPSILON = 1e-5  # PyTorch's default


def import_torch(
    model: Any,
    path: str | os.PathLike[str],
    mapping: Mapped = None,
    skip_mismatch: bool = False,
    flattened: Mapping[str, tuple[int, ...]] | None = None,
    epsilon: float = _EPSILON,
) -> None:
    """Gives a model the weights of a PyTorch model, from a `state_dict` saved as safetensors.

    Write the file with `safetensors.torch.save_file(net.state_dict(), path)`. Layouts are converted: kernels of dense
    layers are transposed, those of convolutions go from (out, in, height, width) to (height, width, in, out),
    depthwise and transposed ones likewise; running statistics become moving ones, `num_batches_tracked` is ignored.
    Behind a `Flatten` of an image, and before a `Reshape` to one, the features of dense layers and normalizations are
    put into the order of channels last, which is seen in the model's graph. Half precision becomes the model's type.

    What is not in the file: PyTorch adds 1e-5 to the variance where Keras's default is 1e-3, so make such layers with
    `BatchNormalization(epsilon=1e-5)`; a warning names those with another one. Its `momentum=0.1` is `momentum=0.9`
    here, and its running variance is divided by n - 1; neither matters before training goes on. A convolution with
    strides and `padding=1` pads both sides: `ZeroPadding2D(1)` and `padding="valid"`, where `"same"` may pad one; a
    warning names those, too. So `gm.applications.ResNet18` equals torchvision's for odd sizes of feature maps only.

    Args:
        model: the model, built. A graph or `Sequential`, if it flattens images; see `flattened`.
        path: the file.
        mapping: which module of the file belongs to which layer. A dict or function from names of modules
            (`"layer1.0.conv1"`) to names or paths of layers, `None` for modules to leave out; what a dict does not
            name is matched as without one. `"name"`: modules and layers have the same names (`a.b` is `a/b`).
            `"order"`: by shape, and by the numbers in names where shapes are the same. By default names where they
            agree, torchvision's names for `gm.applications.ResNet18` and its like, and order for the rest.
        skip_mismatch: whether to load what fits, with a warning that lists the rest.
        flattened: for models without a graph: names of layers that read a flattened image, with the shape of the
            image, channels last; `{"fc": (7, 7, 64)}`.
        epsilon: that of the file's normalizations, if it was not PyTorch's default.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or pickled, or layers are missing, left over or of other shapes; all are
            listed. Or if the order of layers of the same shape cannot be known. Nothing is changed then.

    Example:
        >>> model = gm.applications.ResNet18(classes=1000)
        >>> gm.saving.import_torch(model, "resnet18.safetensors")
        >>> gm.saving.import_torch(model, "net.safetensors", mapping={"fc": None}, skip_mismatch=True)  # a new head
    """
    check_mapping(mapping)
    groups = _groups(path)
    orders = _Orders(model, flattened)
    matcher = Matcher(groups, _targets(model), _convert, quoted(path), f'"{model.name}"')
    if isinstance(mapping, Mapping) or callable(mapping):
        matcher.by_mapping(mapping)
    if mapping != "order":
        matcher.by_name(_same_name if mapping == "name" else _likely_names, automatic=mapping == "name")
    if mapping != "name":
        matcher.by_order()
    matcher.assign(skip_mismatch, orders.apply)
    layers = list({id(target.layer): target.layer for _, target in matcher.pairs}.values())
    _warn_of_epsilon(layers, epsilon)
    _warn_of_padding(layers)


# ---- The file --------------------------------------------------------------------------------------------------------


def _groups(path: Any) -> list[Group]:
    if path_of(path, "path").lower().endswith(_PICKLES):
        raise ValueError(
            "Pickled files can run code and are not read. In PyTorch, write the weights with "
            f"safetensors.torch.save_file(net.state_dict(), 'net.safetensors').{received(path=os.fspath(path))}"
        )
    arrays, _ = load_file(path)
    prefix = next((w for w in _WRAPPERS if arrays and all(name.startswith(w) for name in arrays)), "")
    modules: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        module, _, role = name[len(prefix) :].rpartition(".")
        if role not in _IGNORED:
            modules.setdefault(module, {})[role] = array
    return [Group(module, roles, place_of(module)) for module, roles in modules.items()]


def _same_name(group: Group) -> list[str]:
    return [group.name, group.name.replace(".", "/")]


def _likely_names(group: Group) -> list[str]:
    return [*_same_name(group), *_resnet_name(group.name)]


def _resnet_name(name: str) -> list[str]:
    """The layer of `gm.applications` for one of torchvision's residual networks."""
    plain = {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}
    if name in plain:
        return [plain[name]]
    match = re.fullmatch(r"layer(\d)\.(\d+)\.(?:(conv|bn)(\d)|downsample\.([01]))", name)
    if not match:
        return []
    stage, block, kind, number, shortcut = match.groups()
    part = f"{number}_{kind}" if kind else ("0_conv", "0_bn")[int(shortcut)]
    return [f"conv{int(stage) + 1}_block{int(block) + 1}_{part}"]


# ---- Layouts ---------------------------------------------------------------------------------------------------------


def _targets(model: Any) -> list[Target]:
    """The layers; a separable convolution is two of PyTorch's."""
    found = []
    for target in targets_of(model):
        if target.kind == "SeparableConv2D":
            roles = dict(target.variables)
            depthwise = {"depthwise_kernel": roles.pop("depthwise_kernel")}
            found += [
                Target(f"{target.path}/depthwise", target.layer, depthwise),
                Target(f"{target.path}/pointwise", target.layer, roles),
            ]
        else:
            found.append(target)
    return found


def _kernel(array: np.ndarray) -> np.ndarray:
    """(out, in, ...) as (..., in, out); of transposed convolutions (in, out, ...) as (..., out, in)."""
    return np.moveaxis(array, (1, 0), (-2, -1))


def _depthwise(array: np.ndarray, target: Target, role: str) -> np.ndarray:
    """(in * multiplier, 1, height, width) as (height, width, in, multiplier)."""
    channels = target.variables[role].shape[2]
    if array.shape[1] != 1 or array.shape[0] % channels:
        return _kernel(array)
    return np.moveaxis(array.reshape(channels, -1, *array.shape[2:]), (0, 1), (-2, -1))


def _convert(group: Group, target: Target) -> dict[str, np.ndarray] | None:
    """A module's arrays by the roles of a layer, as views; `None` where it is of another kind."""
    roles: Any = group.arrays
    rename, weight = _conversion(target)
    if rename is None or not set(roles) <= set(rename) or not _is_kind(roles, target):
        return None
    return {
        rename[role]: weight(roles[role]) if role == "weight" or roles[role].ndim > 1 else roles[role]
        for role in rename
        if role in roles
    }


def _conversion(target: Target) -> tuple[dict[str, str] | None, Callable[[np.ndarray], np.ndarray]]:
    """Names of roles, and what happens to the weight."""
    kind = target.kind
    plain = {"weight": "kernel", "bias": "bias"}
    if kind == "Dense":
        return plain, np.transpose
    if kind in ("Conv1D", "Conv2D", "Conv2DTranspose"):
        return plain, _kernel
    if kind == "DepthwiseConv2D":
        return plain, lambda array: _depthwise(array, target, "kernel")
    if kind == "SeparableConv2D" and "depthwise_kernel" in target.variables:
        return {"weight": "depthwise_kernel"}, lambda array: _depthwise(array, target, "depthwise_kernel")
    if kind == "SeparableConv2D":
        return {"weight": "pointwise_kernel", "bias": "bias"}, _kernel
    if kind.endswith("Normalization"):
        return _NORM_ROLES, lambda array: np.moveaxis(array, 0, -1)
    if kind == "PReLU":
        shape = next(iter(target.shapes.values()))
        one = next(iter(target.variables))
        return {"weight": one}, lambda array: array.reshape(shape) if array.size == np.prod(shape) else array
    return None, np.asarray


def _is_kind(roles: Mapping[str, np.ndarray], target: Target) -> bool:
    """Whether the rank of the weight is right, and statistics come for a batch normalization only."""
    if ("running_mean" in roles) != ("moving_mean" in target.variables):
        return False
    weight = roles.get("weight")
    if target.kind.endswith("Normalization"):
        return weight is None or weight.ndim == 1 or (target.kind == "LayerNormalization" and weight.ndim == 3)
    if target.kind == "PReLU":
        return weight is not None and weight.ndim == 1
    return weight is not None and weight.ndim == next(iter(target.variables.values())).ndim


# ---- What the file does not tell -------------------------------------------------------------------------------------


class _Orders:
    """Puts features into the order of channels last: where the graph shows an image, or the caller says so.

    Args:
        model: the model.
        flattened: shapes of images by names of layers that read them.

    Raises:
        ValueError: for names the model does not have.
    """

    def __init__(self, model: Any, flattened: Mapping[str, tuple[int, ...]] | None) -> None:
        self._given = dict(flattened or {})
        targets = targets_of(model)
        names = {target.path for target in targets} | {target.layer.name for target in targets}
        for name in self._given:
            if name not in names:
                known = did_you_mean(name, names)
                raise ValueError(f'flattened: "{model.name}" has no layer {name!r} with weights.{known}')
        self._graph = FeatureOrders(model)
        unseen = [la.name for la in self._graph.unseen if la.name not in self._given]
        if unseen and self._graph.has_images and flattened is None:
            warnings.warn(
                f'"{model.name}" is no graph, so it cannot be seen which dense layers read a flattened image '
                f"({', '.join(unseen)}); the rows of their kernels are left in their order. If one does, pass "
                "flattened={name: (height, width, channels)}; else pass flattened={}.",
                GemmuleWarning,
                stacklevel=4,
            )

    def apply(self, target: Target, role: str, array: np.ndarray) -> np.ndarray:
        """The values of a variable: rows of kernels as they are read, columns and vectors as they are given."""
        if target.kind == "Dense":
            array = _taken(array, self._read(target), 0) if role == "kernel" else array
            return _taken(array, self._graph.made_by(target.layer), -1)
        return _taken(array, self._read(target), 0) if array.ndim == 1 else array

    def _read(self, target: Target) -> np.ndarray | None:
        image = self._given.get(target.path, self._given.get(target.layer.name))
        return self._graph.read_by(target.layer) if image is None else channels_last_order(tuple(image))


def _taken(array: np.ndarray, order: np.ndarray | None, axis: int) -> np.ndarray:
    return array if order is None or len(order) != array.shape[axis] else np.take(array, order, axis)


def _warn_of_epsilon(layers: list[Any], epsilon: float) -> None:
    others = [la for la in layers if hasattr(la, "epsilon") and not np.isclose(la.epsilon, epsilon)]
    if others:
        warnings.warn(
            f"Normalizations that add {others[0].epsilon:g} to the variance, where the file's model added "
            f"{epsilon:g} if it was made with that: {_some(others)}. Make them with "
            f"epsilon={epsilon:g}, or say what the model had: import_torch(..., epsilon=...).",
            GemmuleWarning,
            stacklevel=3,
        )


def _warn_of_padding(layers: list[Any]) -> None:
    """TensorFlow's rule for `"same"` puts the odd pixel behind; PyTorch pads both sides alike."""
    others = [la for la in layers if getattr(la, "padding", "") == "same" and _pads_unevenly(la)]
    if others:
        margin = others[0].kernel_size[0] // 2
        warnings.warn(
            f'Convolutions whose padding="same" is one pixel wider behind than in front, which PyTorch has not: '
            f"{_some(others)}. If the model had padding={margin}, put ZeroPadding2D({margin}) before the layer and "
            'make it with padding="valid".',
            GemmuleWarning,
            stacklevel=3,
        )


def _pads_unevenly(layer: Any) -> bool:
    if "Transpose" in type(layer).__name__ or "Conv" not in type(layer).__name__:
        return False
    sizes = layer.input_shape[1:-1]
    totals = [
        (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size
        for size, stride, kernel, dilation in zip(sizes, layer.strides, layer.kernel_size, layer.dilation_rate)
        if size is not None
    ]
    return any(total > 0 and total % 2 for total in totals)


def _some(layers: list[Any]) -> str:
    return ", ".join(layer.name for layer in layers[:5]) + (" ..." if len(layers) > 5 else "")
