"""`Tensor`, an array with operators, and `Variable`, a tensor that keeps its place and can be trained.

The operators are attached by `gemmule.ops`, which lies above this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from gemmule import mutation, naming
from gemmule.backend import execute
from gemmule.errors import describe, received
from gemmule.memory import persistent

# Called before a value leaves for Python or NumPy; the plan recorder and the tape object to it in their time.
_read_guards: list[Callable[[Tensor, str], None]] = []
_numbers = count()


class Tensor:
    """An n-dimensional array computed by gemmule.

    Tensors behave like NumPy arrays in arithmetic, comparison and indexing, go into NumPy functions and out, and can
    be followed by a `GradientTape`. They are made by `gm.ops` and by layers; they never change their value.

    Args:
        array: a C-contiguous NumPy array, used without a copy.
    """

    __slots__ = ("__weakref__", "_array", "logits", "logits_op", "number")

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.number = next(_numbers)  # its name on tapes, which do not keep it alive: ids come back, numbers do not
        self.logits: Tensor | None = None  # what a softmax or sigmoid was computed from: losses prefer it
        self.logits_op = ""  # and which of the two it was

    @property
    def array(self) -> np.ndarray:
        """The memory itself. For ops and kernels; everybody else uses `numpy()`."""
        return self._array

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype:
        """Element type; compares equal to its name, `t.dtype == "float32"`."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.array.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.array.size

    def numpy(self) -> np.ndarray:
        """A copy of the values as a NumPy array."""
        return self._read("numpy").copy()

    def item(self) -> Any:
        """The single value of a tensor of one element, as a Python number."""
        return self._read("item").item()

    def tolist(self) -> Any:
        """The values as nested lists."""
        return self._read("tolist").tolist()

    def _read(self, how: str) -> np.ndarray:
        for guard in _read_guards:
            guard(self, how)
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self._read("numpy")
        return values.copy() if dtype is None else values.astype(dtype)

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"Only an integer tensor can be used as an index.{received(tensor=self)}")
        return int(self._scalar("index"))

    def __bool__(self) -> bool:
        return bool(self._scalar("bool"))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"A {type(self).__name__} has no attribute {name!r}. Functions are in gm.ops, as in gm.ops.mean(x); "
            "x.numpy() gives a NumPy array with its methods."
        )

    def _scalar(self, how: str) -> Any:
        if self.size != 1:
            raise ValueError(
                f"Only a tensor of one element has a {how} value.{received(shape=self.shape)} "
                "Reduce it first, for example with gm.ops.mean, gm.ops.any or gm.ops.all."
            )
        return self._read(how).reshape(()).item()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("A tensor without dimensions has no length.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    if TYPE_CHECKING:  # attached by gemmule.ops.operators

        def __getitem__(self, key: Any) -> Tensor: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        values = np.array2string(self._read("print"), precision=4, threshold=20, separator=", ")
        return f"<{type(self).__name__} shape={self.shape} dtype={self.dtype}\n{values}>"


class Variable(Tensor):
    """A tensor that can be changed in place and trained.

    Args:
        initializer: values, or a function of `(shape, dtype)` that gives them; `None` for any, in memory
            that is not touched, because they will be read from a file.
        shape: dimensions; needed when `initializer` is `None` or a function.
        dtype: element type; by default `gm.config.floatx()` for functions and Python floats, else that of the values.
        trainable: whether tapes and optimizers see it.
        name: its name; `"variable"` with a number by default.

    Raises:
        ValueError: if a function is given without a shape, or the values do not have the given shape.

    Example:
        >>> w = gm.Variable([1.0, 2.0])
        >>> w.assign_add([1.0, 1.0]).numpy()
        array([2., 3.], dtype=float32)
    """

    __slots__ = ("_layout_owner", "_regularizer", "changes", "constraint", "name", "path", "trainable")

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: str | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        if initializer is None and shape is not None and dtype is not None:
            super().__init__(persistent(shape, dtype, zeroed=False))
        else:
            values = _initial_values(initializer, shape, dtype)
            super().__init__(persistent(values.shape, values.dtype))
            self._array[...] = values
        self.trainable = bool(trainable)
        self.name = name or naming.unique_name("variable")
        self.path = self.name
        self.changes = 0  # how often Python changed it: a tape that recorded an older value has to notice
        self.constraint: Any = None  # what optimizers hold it to after each step
        self._regularizer: Any = None
        self._layout_owner: object | None = None  # the packed run this variable lies in, once a model trained

    @property
    def value(self) -> Tensor:
        """The variable as Keras's `variable.value`."""
        return self

    @property
    def regularizer(self) -> Any:
        """What it adds to the loss of a model that trains it: a function of the variable, or `None`."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        if value is not self._regularizer:
            self._regularizer = value
            mutation.count_change()

    def assign(self, value: Any) -> Variable:
        """Replaces the values, in place. Inside a recorded step it is recorded, too.

        Raises:
            ValueError: if the shapes differ.
            TypeError: for what is not made of real numbers.
        """
        values = value.array if isinstance(value, Tensor) else np.asarray(value)
        if values.dtype.kind not in "fiub":
            raise TypeError(f'Variable "{self.path}" holds real numbers.{received(value=value, dtype=values.dtype)}')
        if values.shape != self.shape:
            raise ValueError(
                f'Variable "{self.path}" has shape {self.shape}; a value of another shape cannot be assigned to it.'
                f"{received(shape=values.shape)}"
            )
        if not isinstance(value, Tensor):
            values = np.array(values, self.dtype, order="C")  # a copy: a recorded step must not see later changes
        execute("assign", [self._array], [values])
        self.changes += 1
        return self

    def assign_add(self, value: Any) -> Variable:
        """Adds in place."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Variable:
        """Subtracts in place."""
        return self.assign(self - value)

    def move_to(self, array: np.ndarray, owner: object) -> None:
        """Continues in another block of memory; done once, when a model packs its parameters."""
        array[...] = self._array
        self._array = array
        self._layout_owner = owner

    def __reduce__(self) -> Any:
        return type(self), (self._array.copy(), None, None, self.trainable, self.name)

    def __repr__(self) -> str:
        return f"<Variable path={self.path} " + super().__repr__().split(" ", 1)[1]


def _initial_values(initializer: Any, shape: tuple[int, ...] | None, dtype: str | None) -> np.ndarray:
    from gemmule.config import floatx, standardize_dtype

    if callable(initializer):
        if shape is None:
            raise ValueError(f"A Variable made by an initializer needs a shape.{received(initializer=initializer)}")
        return np.asarray(initializer(tuple(shape), dtype=standardize_dtype(dtype or floatx())))
    values = np.asarray(initializer)
    if values.dtype.kind not in "fiub":
        raise TypeError(f"A Variable holds numbers. Received: {describe(initializer)}.")
    if shape is not None and tuple(shape) != values.shape:
        raise ValueError(
            f"The initial value does not have the given shape.{received(value_shape=values.shape, shape=shape)}"
        )
    if dtype is None and not isinstance(initializer, (np.ndarray, Tensor)) and values.dtype == np.float64:
        dtype = floatx()
    return values.astype(standardize_dtype(dtype)) if dtype else values


def add_read_guard(guard: Callable[[Tensor, str], None]) -> None:
    """Registers a function that may object to a value being read."""
    _read_guards.append(guard)
