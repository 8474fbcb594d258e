"""Callbacks out of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gemmule.callbacks.callback import Callback
from gemmule.errors import did_you_mean, received

HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """A callback whose hooks are the given functions.

    They are called with the arguments of the hooks: `(epoch, logs)`, `(batch, logs)` or `(logs)`.

    Args:
        on_epoch_begin: called before each epoch.
        on_epoch_end: called after each epoch.
        on_train_begin: called before the first epoch.
        on_train_end: called after the last one.
        on_train_batch_begin: called before each training batch; it makes small models slower.
        on_train_batch_end: called after each training batch; likewise.
        **kwargs: any other hook of `Callback`, such as `on_test_end`.

    Raises:
        TypeError: for a name that is no hook, or something that cannot be called.

    Example:
        >>> show = gm.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
        >>> model.fit(x, y, callbacks=[show])
    """

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        **kwargs: Hook,
    ) -> None:
        hooks: dict[str, Hook] = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in hooks.items():
            if name not in HOOKS:
                raise TypeError(f"LambdaCallback: there is no hook {name!r}.{did_you_mean(name, HOOKS)}")
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be a function.{received(**{name: function})}")
            setattr(self, name, function)
