"""Files and a downloader made for tests of data sets."""

from __future__ import annotations

import hashlib
import io
import re
import sys
import tarfile
import types
from pathlib import Path

import numpy as np

from gemmule.datasets._files import DataFile


def message(text: str) -> str:
    return f"^{re.escape(text)}$"


def idx(array: np.ndarray) -> bytes:
    code = {"uint8": 8, "int8": 9, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}[array.dtype.name]
    header = bytes([0, 0, code, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


CONTENT = idx(np.arange(12, dtype=np.uint8).reshape(3, 4))
SMALL = DataFile("set", "small.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), ("https://host/small.gz",))


def put(folder: Path, packed: bytes, file: DataFile = SMALL) -> Path:
    path = folder / file.folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed)
    return path


def archive(members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), kind, "/etc/passwd"
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def fake_pooch(monkeypatch, answers: dict[str, bytes]) -> list[str]:
    """Installs a module `pooch` that serves `answers` and returns the list of URLs it is asked for."""
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append(url)
        if url not in answers:
            raise OSError("404 not found")
        target = Path(path) / fname
        target.write_bytes(answers[url])
        return str(target)

    module = types.ModuleType("pooch")
    module.retrieve = retrieve
    module.get_logger = lambda: types.SimpleNamespace(setLevel=lambda level: None)
    monkeypatch.setitem(sys.modules, "pooch", module)
    return asked
