"""Callbacks: what happens between batches and epochs."""

from __future__ import annotations

from gemmule.callbacks.callback import Callback
from gemmule.callbacks.callback_list import CallbackList
from gemmule.callbacks.early_stopping import EarlyStopping
from gemmule.callbacks.history import History
from gemmule.callbacks.progress_bar import ProgressBar

__all__ = ["Callback", "CallbackList", "EarlyStopping", "History", "ProgressBar"]
