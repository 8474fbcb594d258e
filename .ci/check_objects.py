"""Checks the object files of a build: no AVX code and no shared template outside the ISA level it belongs to.

A weak symbol (an inline function or template) that several levels emit under one name is merged by the linker, which
may keep the AVX-512 copy: a machine without AVX-512 then dies in code that was never meant for it. So objects of levels
v3 and v4 may define weak symbols only inside their own namespace, and all other objects may hold no AVX instruction.

    python .ci/check_objects.py BUILD_DIRECTORY
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SHT_SYMTAB, STB_WEAK, STB_GNU_UNIQUE = 2, 2, 10
VEX = re.compile(r"\t(?:v[a-z][a-z0-9]+|sarx|shlx|shrx|rorx|mulx|bzhi|pdep|pext|andn)\s|[yz]mm\d")


def symbols(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Name, binding and whether it is defined, for each symbol of a little-endian ELF64 object."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        return
    (section_table,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, section_table + i * size) for i in range(count)]
    for _, kind, _, _, offset, length, link, _, _, entry in sections:
        if kind != SHT_SYMTAB:
            continue
        names = sections[link][4]
        for at in range(offset, offset + length, entry):
            name, info, _, section = struct.unpack_from("<IBBH", data, at)
            end = data.index(b"\0", names + name)
            yield data[names + name : end].decode(), info >> 4, section != 0


def shared_templates(path: Path, level: str) -> list[str]:
    own = re.compile(rf"7gemmule2{level}")
    return [
        f"{path.name}: weak symbol {name}"
        for name, binding, defined in symbols(path)
        if defined and binding in (STB_WEAK, STB_GNU_UNIQUE) and not own.search(name)
    ]


def avx_code(path: Path, objdump: str) -> list[str]:
    listing = subprocess.run(
        [objdump, "-d", "--no-show-raw-insn", str(path)], capture_output=True, text=True, check=True
    ).stdout
    return [f"{path}: {line.strip()}" for line in listing.splitlines() if VEX.search(line)][:5]


def main() -> int:
    objects = sorted(Path(sys.argv[1]).rglob("*.o"))
    if not any("gemmule_kernels_v1" in str(path) for path in objects):
        print(f"check_objects.py: no object files below {sys.argv[1]}")
        return 1
    objdump = shutil.which("objdump")
    if objdump is None:
        print("check_objects.py: no objdump, so instructions are not looked at")
    defects: list[str] = []
    for path in objects:
        level = re.search(r"gemmule_kernels_(v[34])\.dir", str(path))
        if level:
            defects += shared_templates(path, level[1])
        elif objdump:
            defects += avx_code(path, objdump)
    print("\n".join(defects) or f"{len(objects)} object files are clean")
    return bool(defects)


if __name__ == "__main__":
    sys.exit(main())
