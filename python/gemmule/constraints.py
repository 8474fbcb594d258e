"""Constraints: what weights must satisfy after each update."""

from __future__ import annotations

from typing import Any


class Constraint:
    """Base class of constraints. A subclass defines `__call__(w)` with `gm.ops`."""

    def __call__(self, w: Any) -> Any:
        """The weights that satisfy the constraint and are close to `w`."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, w).")

    def get_config(self) -> dict[str, Any]:
        """What the constraint can be made from again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """A constraint from its `get_config`."""
        return cls(**config)


class NonNeg(Constraint):
    """Weights from 0 on. Optimizers do it in the same pass as the update."""

    def __call__(self, w: Any) -> Any:  # noqa: D102
        from gemmule import ops

        return ops.maximum(w, 0.0)
