"""Batches that come one by one: from generators, iterators, loaders and sequences of batches."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gemmule.data.adapter import Dataset, training_data, unpack_x_y_sample_weight
from gemmule.errors import GemmuleWarning, describe, received
from gemmule.random import Stream
from gemmule.tensor import Tensor

__all__ = ["PyDataset"]


class PyDataset:
    """Base of classes that make batches by number; any class with `__len__` and `__getitem__` will do as well.

    Args:
        workers: 1: batches are made between steps, by the thread that trains.
        use_multiprocessing: `False`.
        max_queue_size: 10; nothing waits in a queue without workers.

    Raises:
        ValueError: for anything else: make batches ahead in a generator of your own.

    Example:
        >>> class Noisy(gm.utils.PyDataset):
        ...     def __len__(self):  # batches in an epoch
        ...         return 100
        ...     def __getitem__(self, index):
        ...         rows = slice(32 * index, 32 * index + 32)
        ...         return x[rows] + np.random.normal(size=x[rows].shape), y[rows]
        >>> model.fit(Noisy(), epochs=2)
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        if workers not in (0, 1) or use_multiprocessing or max_queue_size != 10:
            raise ValueError(
                "PyDataset: batches are made by the thread that trains, none ahead; leave workers, use_multiprocessing "
                "and max_queue_size out."
                f"{received(workers=workers, use_multiprocessing=use_multiprocessing, max_queue_size=max_queue_size)}"
            )
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, False, max_queue_size

    def __len__(self) -> int:
        """Batches in an epoch."""
        raise NotImplementedError(f"{type(self).__name__} must define __len__, the number of its batches.")

    def __getitem__(self, index: int) -> Any:
        """A batch: `(x, y)` or `(x, y, sample_weight)`."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__, which makes a batch.")

    def on_epoch_end(self) -> None:
        """Called after each epoch of training."""


def gives_batches(x: Any) -> bool:
    """Whether an argument makes batches instead of being made of examples."""
    if isinstance(x, (Tensor, Sequence, Mapping, memoryview)) or hasattr(x, "__array__") or hasattr(x, "to_numpy"):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


class Batches:
    """What gives batches, and where it stands.

    Args:
        source: a generator or other iterable of batches, or an object with `__len__` and `__getitem__`.
        name: what it was passed as, for messages.
        class_weight: as for `fit`.

    Attributes:
        name: what it was passed as.
        length: how many batches an epoch has; `None` if only its end will tell.
        begins_anew: whether one can go back to the first batch.
        order: numbers of the batches of a sequence in the order of the current epoch, else empty.

    Raises:
        ValueError: if it gives no batch at all.
    """

    def __init__(self, source: Any, name: str = "x", class_weight: Mapping[int, float] | None = None) -> None:
        self._source, self.name, self._class_weight = source, name, class_weight
        self.by_number = hasattr(source, "__getitem__") and hasattr(source, "__len__")
        self.length: int | None = len(source) if hasattr(source, "__len__") else None
        self.order = np.arange(len(source) if self.by_number else 0, dtype=np.int64)
        self.begins_anew = self.by_number or iter(source) is not source
        self._fresh = True  # nothing was taken yet
        self._next: Dataset | None = None
        self._iterator = self._iterate()

    def _iterate(self, first: int = 0) -> Iterator[Any]:
        return (self._source[int(n)] for n in self.order[first:]) if self.by_number else iter(self._source)

    def begin(self, first: int = 0) -> None:
        """Goes back to the first batch, or to another one of a sequence; what cannot go back goes on."""
        if self.begins_anew and not (self._fresh and first == 0):
            self._iterator, self._next, self._fresh = self._iterate(first), None, True

    def begin_epoch(self, stream: Stream | None, steps: int | None) -> None:
        """Goes back to the first batch, those of a sequence in another order; with `steps` it goes on instead.

        Args:
            stream: of random numbers for the order; `None` to keep it.
            steps: batches in an epoch, if that was said.
        """
        if self.by_number and len(self.order):
            if stream is not None:
                stream.permutation(len(self.order), out=self.order)
            elif steps is not None and not self._fresh:
                self.order[...] = np.roll(self.order, -steps)
            self._fresh = self._fresh and stream is None
        if self.by_number or steps is None:
            self.begin()

    def take_up(self, hook: str, batch: int) -> None:
        """Goes to where an interrupted run was, or says that this is not possible.

        Args:
            hook: in which it was interrupted.
            batch: batches done in its epoch.
        """
        if self.by_number:
            self.begin(batch % max(len(self.order), 1))
        elif hook not in ("", "on_train_begin"):
            warnings.warn(
                f"fit(resume=True): {self.name} gives batches one after the other, and where it stood cannot be "
                "restored: it goes on with the batch it gives next. Everything else is restored. For the bits of a run "
                "that never stopped pass arrays, or an object with __len__ and __getitem__.",
                GemmuleWarning,
                stacklevel=2,
            )

    def peek(self) -> Dataset:
        """The batch that `take` will return.

        Raises:
            ValueError: if there is none.
        """
        self._next = self._next or self._fetch()
        if self._next is None:
            raise ValueError(f"{self.name} gives no batches.{received(**{self.name: self._source})}")
        return self._next

    def take(self, again: bool = False) -> Dataset | None:
        """The next batch, or `None` at the end.

        Args:
            again: whether to begin anew at the end, where that is possible.
        """
        found, self._next, self._fresh = self._next or self._fetch(), None, False
        if found is None and again and self.begins_anew:
            self._iterator = self._iterate()
            found = self._fetch()
        return found

    def _fetch(self) -> Dataset | None:
        for batch in self._iterator:
            x, y, weights = unpack_x_y_sample_weight(batch)
            try:
                return training_data(x, y, weights, self._class_weight)[0]
            except (TypeError, ValueError) as error:
                what = f"a {type(batch).__name__} of {len(batch)}" if isinstance(batch, (tuple, list)) else None
                raise type(error)(
                    f"{self.name} gave a batch that cannot be used: {error} A batch is (x, y) or (x, y, sample_weight)"
                    f" of arrays with one row for each example. Received: batch={what or describe(batch)}."
                ) from None
        return None

    def end_epoch(self) -> None:
        """Tells the source, if it wants to know."""
        told = getattr(self._source, "on_epoch_end", None)
        if told is not None:
            told()

    def warn_of_end(self, done: int, wanted: int | None) -> None:
        """Says that there were fewer batches than asked for."""
        asked = f" of {wanted}" if wanted else ""
        warnings.warn(
            f"{self.name} ran out of batches after {done}{asked} in this epoch, and training ends with it. It must "
            "give steps_per_epoch * epochs batches; or pass an object that can be iterated over again.",
            GemmuleWarning,
            stacklevel=2,
        )


def check_alone(**arguments: Any) -> None:
    """Refuses arguments of `fit`, `evaluate` or `predict` that only arrays can have.

    Raises:
        ValueError: naming the first that was passed.
    """
    for name, value in arguments.items():
        if value is not None and value is not False and not (isinstance(value, float) and value == 0):
            raise ValueError(
                f"{name} cannot be passed when x gives batches: they hold all there is, (x, y) or (x, y, "
                f"sample_weight), as large as you make them.{received(**{name: value})}"
            )
