"""The sweep's results as Markdown: totals, then one line for each shape."""

from __future__ import annotations

from typing import Any

from bench.report import duration


def totals(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each family, pass and number of threads."""
    lines = [
        "| family | pass | threads | shapes | geometric mean | least | of shape | by minima | below 1 | below 0.6 |",
        "|" + " --- |" * 10,
    ]
    for row in rows:
        cells = (row["family"], row["pass"], row["threads"], row["shapes"], f"{row['mean']:.2f}×")
        cells += (
            f"{row['least']:.2f}×",
            row["least_shape"],
            f"{row['least_of_minima']:.2f}×",
            row["below_1"],
            row["below_06"],
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def cell(row: dict[str, Any]) -> str:
    """Time, rate and ratio of one measurement."""
    rate = f"{row['gflops']:.0f} GF" if row["gflops"] else f"{row['share_of_copy']:.0%}"
    return f"{duration(row['medians']['gemmule'])}, {rate}, {row['ratio']:.2f}×"


def shapes(family: str, rows: list[dict[str, Any]]) -> list[str]:
    """A line for each shape of a family, a column for each pass and number of threads."""
    columns = list(dict.fromkeys((row["pass"], row["threads"]) for row in rows))
    found = {(row["shape"], row["pass"], row["threads"]): row for row in rows}
    heads = [f"{passing}, {threads} thread{'s' if threads > 1 else ''}" for passing, threads in columns]
    lines = ["| shape | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(columns)]
    for shape in dict.fromkeys(row["shape"] for row in rows):
        cells = [cell(found[(shape, *column)]) if (shape, *column) in found else "" for column in columns]
        lines.append(f"| {shape} | " + " | ".join(cells) + " |")
    return [f"### {family}, one by one", "", f"Columns as in `bench/shapes/{family}.txt`.", "", *lines]


def markdown(document: dict[str, Any]) -> str:
    """The whole section."""
    lines = [
        "Kernels as a recorded step runs them, PyTorch's operators called from Python, the better of its two layouts; "
        "medians of interleaved rounds; × is PyTorch's time over gemmule's. Percentages: what a pass has to "
        "read and to write (batch normalization its inputs twice), by the bandwidth of a copy whose two arrays are as "
        "large as all of the pass together.",
        "",
        *totals(document["summary"]),
    ]
    for family in dict.fromkeys(row["family"] for row in document["rows"]):
        lines += ["", *shapes(family, [row for row in document["rows"] if row["family"] == family])]
    return "\n".join(lines) + "\n"
