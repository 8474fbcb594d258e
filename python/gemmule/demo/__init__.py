"""The demo: a small network learns to tell clothes apart, from data to picture in a few seconds."""

from gemmule.demo.training import run

__all__ = ["run"]
