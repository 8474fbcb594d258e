"""The command line: `python -m gemmule demo`, `python -m gemmule config`, `python -m gemmule --version`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gemmule import __version__


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gemmule", description="A neural-network engine for the CPU.")
    parser.add_argument("--version", action="version", version=f"gemmule {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("config", help="print version, processor level, threads and backend")
    demo = commands.add_parser("demo", help="train a network on Fashion-MNIST and show what it learned")
    demo.add_argument("--epochs", type=_positive, help="passes over the data (default: 10 on the full set, else 12)")
    demo.add_argument("--data", choices=("auto", "sample", "full"), default="auto",
                      help="'full' is all of Fashion-MNIST, downloaded if need be; 'sample' the 5,000 images that come "
                      "with gemmule; 'auto' the full set if it is on this machine (default)")  # fmt: skip
    demo.add_argument("--model", choices=("mlp", "cnn"), default="mlp",
                      help="'mlp' is 784-300-100-10 (default); 'cnn' a small convolutional network, on the sample "
                      "unless --data full")  # fmt: skip
    demo.add_argument("--output", type=Path, default=Path(), metavar="DIR",
                      help="folder for the weights and the figure (default: the current one)")  # fmt: skip
    demo.add_argument("--seed", type=int, default=42, help="of weights and shuffling (default: 42)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "config":
            from gemmule.config import show_config

            show_config()
        else:
            from gemmule.demo import run

            run(
                epochs=options.epochs,
                data=options.data,
                output=options.output,
                seed=options.seed,
                model=options.model,
            )
    except (ImportError, OSError, ValueError) as error:
        sys.stderr.write(f"gemmule: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ngemmule: interrupted\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
