"""Tables of benchmark results, for the terminal and for Markdown.

python -m bench.report models.json networks.json sweep.json ops.json gemm.json > bench/RESULTS.md
"""

from __future__ import annotations

import json
import sys
from typing import Any


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= factor:
            digits = 3 if seconds < 1000 * factor else 4
            return f"{seconds / factor:.{digits}g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def rate(row: dict[str, Any]) -> str:
    """GFLOP/s where there is arithmetic to speak of, GB/s otherwise."""
    if "gflops" not in row:
        return ""
    return f"{row['gflops']:.3g} GFLOP/s" if row["flops"] > row["bytes"] / 2 else f"{row['gbytes']:.3g} GB/s"


def best_peer(row: dict[str, Any]) -> tuple[str, float] | None:
    """The fastest other library and its ratio."""
    ratios = row.get("ratios", {})
    return min(ratios.items(), key=lambda item: item[1]) if ratios else None


def verdict(row: dict[str, Any]) -> list[str]:
    """One phrase for each target."""
    phrases = []
    for library, target in row["targets"].items():
        ratio = row.get("ratios", {}).get(library)
        if ratio is not None:
            phrases.append(f"{library} {ratio:.2f}× (asked {target:g}×{'' if ratio >= target else ', MISSED'})")
    return phrases


def show(row: dict[str, Any]) -> None:
    """Prints one result."""
    print(f"\n{row['name']}: {row['title']}")
    for library, times in row["libraries"].items():
        line = f"  {library:<18} median {duration(times['median']):>9}   min {duration(times['min']):>9}"
        if library in row.get("ratios", {}):
            line += f"   {row['ratios'][library]:.2f}×"
        print(line)
    if "gflops" in row:
        print(f"  {rate(row)}, {row['share_of_peak']:.0%} of the machine's peak")
    for library, error in row["errors"].items():
        print(f"  {library:<18} failed: {error}")
    for phrase in verdict(row):
        print(f"  target: {phrase}")


def show_figures(figures: list[dict[str, Any]]) -> None:
    """Prints the figures that are not times of a case."""
    if figures:
        print("\nOther figures")
    for figure in figures:
        mark = "" if figure["met"] else "   MISSED"
        print(f"  {figure['title']}: {figure['value']}   (asked: {figure['asked']}){mark}")


def products(document: dict[str, Any]) -> str:
    """The matrix products of `bench.gemm_compare` as a Markdown table."""
    rows = document["products"]
    libraries = [name for name in ("gemmule", "mkl", "openblas") if name in rows[0]]
    head = " | ".join(libraries)
    lines = [
        f"| product, M×N×K | {head} | MKL / gemmule | OpenBLAS / gemmule |",
        "| --- |" + " --- |" * (len(libraries) + 2),
    ]
    for row in rows:
        cells = [f"{row[name]['median_us']:.1f} µs ({row[name]['gflops']:.0f} GFLOP/s)" for name in libraries]
        own = row["gemmule"]["median_us"]
        ratios = [f"{row[peer]['median_us'] / own:.2f}×" if peer in row else "" for peer in ("mkl", "openblas")]
        shape = "×".join(map(str, row["shape"]))
        lines.append(f"| {row['name']} {row['kind']} {shape} | " + " | ".join(cells + ratios) + " |")
    return "\n".join(lines) + "\n"


def markdown(document: dict[str, Any]) -> str:
    """The document as Markdown tables."""
    about = document["machine"]
    libraries = document["libraries"]
    lines = [
        f"Machine: {about['processor']}, {about['cores']} cores, {about['system']}, Python {about['python']}. "
        f"Measured peak: {about['gflops']:.0f} GFLOP/s on all cores, {about['gflops_1']:.0f} on one; copies "
        + ", ".join(f"{rate:.0f} GB/s at {int(size) / 2**20:g} MB" for size, rate in about["copy"].items())
        + ".",
        "",
        "| library | versions | threads |",
        "| --- | --- | --- |",
    ]
    for library, answer in libraries.items():
        versions = ", ".join(f"{name} {version}" for name, version in answer["versions"].items())
        lines.append(f"| {library} | {versions} | {answer['threads']} |")
    columns = list(libraries)
    lines += ["", "× is the peer's median over gemmule's: above 1, gemmule is faster.", ""]
    lines.append("| case | " + " | ".join(columns) + " | rate | share of peak | best peer |")
    lines.append("| --- |" + " --- |" * (len(columns) + 3))
    for row in document["results"]:
        cells = []
        for library in columns:
            times = row["libraries"].get(library)
            cell = "" if times is None else f"{duration(times['median'])} ({duration(times['min'])})"
            ratio = row.get("ratios", {}).get(library)
            cells.append(cell + (f" {ratio:.2f}×" if ratio else ""))
        peer = best_peer(row)
        best = f"{peer[1]:.2f}× {peer[0]}" if peer else ""
        share = f"{row['share_of_peak']:.0%}" if "share_of_peak" in row else ""
        lines.append(f"| {row['title']} | " + " | ".join(cells) + f" | {rate(row)} | {share} | {best} |")
    if document["figures"]:
        lines += ["", "| figure | measured | asked |", "| --- | --- | --- |"]
        lines += [f"| {f['title']} | {f['value']} | {f['asked']} |" for f in document["figures"]]
    return "\n".join(lines) + "\n"


TITLES = {
    "models": "Models",
    "networks": "Convolutional networks",
    "sweep": "Shapes of convolutions, pooling and normalization",
    "ops": "Ops, one by one",
    "products": "Matrix products, looped in C, nothing packed before",
}


def main() -> None:
    """Joins the JSON files of several runs into one page."""
    print(
        "# Results\n\nMedians, and minima in brackets, of interleaved runs; default threads of each library, float32."
    )
    from bench import sweep_report

    for path in sys.argv[1:]:
        with open(path) as file:
            document = json.load(file)
        kind = document.get("what", "products")
        print(f"\n## {TITLES[kind]}\n")
        print({"products": products, "sweep": sweep_report.markdown}.get(kind, markdown)(document), end="")


if __name__ == "__main__":
    main()
