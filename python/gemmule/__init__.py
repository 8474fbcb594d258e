"""gemmule (this file is a stand-in while parts appear; the real one is ready)."""
# ruff: noqa
from gemmule._version import __version__
from gemmule import backend as _backend

try:
    from gemmule import ops
    from gemmule.autograd import GradientTape
    from gemmule import initializers, activations, layers, losses, metrics, optimizers, callbacks, models, datasets, utils, config
    from gemmule.layers import Input, Layer
    from gemmule.models import Model, Sequential
    from gemmule.backend import use_backend
    from gemmule.config import num_threads, set_num_threads, show_config
    from gemmule.tensor import Tensor, Variable
except (ImportError, AttributeError) as _e:
    import os

    if os.environ.get("GEMMULE_DEV"):
        print("gemmule: incomplete:", repr(_e))
