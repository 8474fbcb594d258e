"""Files: safetensors for weights and whole models. Nothing here can run code from a file."""

from importlib import import_module
from typing import Any

from gemmule.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from gemmule.saving.safetensors import load_file, save_file

_HOME = {
    "import_keras": "saving.from_keras",
    "import_torch": "saving.from_torch",
    "deserialize_keras_object": "saving.objects",
    "serialize_keras_object": "saving.objects",
    "load_model": "models",
    "save_model": "models",
}

__all__ = [
    "CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects",
    "get_registered_name", "get_registered_object", "import_keras", "import_torch", "load_file", "load_model",
    "register_keras_serializable", "save_file", "save_model", "serialize_keras_object",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """What stands on layers and models, which stand on this package, is imported on first use."""
    if name in _HOME:
        return getattr(import_module(f"gemmule.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}. Known: {', '.join(__all__)}.")
