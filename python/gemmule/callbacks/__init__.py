"""Callbacks: what happens between batches and epochs."""

from __future__ import annotations

from typing import Any

from gemmule.callbacks.backup_and_restore import BackupAndRestore
from gemmule.callbacks.callback import Callback
from gemmule.callbacks.callback_list import CallbackList
from gemmule.callbacks.csv_logger import CSVLogger
from gemmule.callbacks.diagnostics import Diagnostics
from gemmule.callbacks.early_stopping import EarlyStopping
from gemmule.callbacks.history import History
from gemmule.callbacks.lambda_callback import LambdaCallback
from gemmule.callbacks.learning_rate_scheduler import LearningRateScheduler, OneCycleScheduler
from gemmule.callbacks.model_checkpoint import ModelCheckpoint
from gemmule.callbacks.progress_bar import ProgressBar
from gemmule.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from gemmule.callbacks.swap_ema_weights import SwapEMAWeights
from gemmule.callbacks.tensorboard import TensorBoard
from gemmule.callbacks.terminate_on_nan import TerminateOnNaN
from gemmule.leftovers import missing

__all__ = [
    "BackupAndRestore",
    "Callback",
    "CallbackList",
    "CSVLogger",
    "Diagnostics",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "OneCycleScheduler",
    "ModelCheckpoint",
    "ProgressBar",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
