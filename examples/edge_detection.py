"""What one 3×3 filter sees: edges, found by a convolution whose weights are written by hand.

    python examples/edge_detection.py [--output edges.png]

The kernel is 8 in the middle and -1 around it: its weights sum to zero, so it answers with nothing where the picture is
even, and strongly where a pixel differs from its neighbours.
"""

from __future__ import annotations

import argparse

import numpy as np

import gemmule as gm
from gemmule.datasets import fashion_mnist

EDGES = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], "float32")


def main() -> None:
    """Filters five pictures of clothes and draws them beside their edges."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="edges.png")
    output = parser.parse_args().output

    (x, y), _ = fashion_mnist.load_sample()
    first_of_class = [int(np.flatnonzero(y == label)[0]) for label in (0, 1, 5, 8, 9)]
    pictures = x[first_of_class, :, :, np.newaxis].astype("float32") / 255

    layer = gm.layers.Conv2D(1, 3, padding="same", use_bias=False)
    layer.build(pictures.shape)
    layer.set_weights([EDGES[:, :, np.newaxis, np.newaxis]])  # (rows, columns, channels in, channels out)
    edges = layer(pictures).numpy()

    inside = edges[0, 10:14, 10:18, 0]
    print("Inside the first picture the filter gives, rounded:")
    print(np.array2string(inside, precision=1, suppress_small=True))
    print(f"Strongest answer: {edges.max():.1f}; mean of all: {edges.mean():.3f}")

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(pictures), figsize=(8, 3.4), layout="constrained")
    for column, (picture, edge) in enumerate(zip(pictures, edges)):
        axes[0, column].imshow(picture[..., 0], cmap="gray")
        axes[0, column].set_title(fashion_mnist.CLASS_NAMES[y[first_of_class[column]]], fontsize=9)
        axes[1, column].imshow(edge[..., 0], cmap="gray", vmin=-2, vmax=2)
    for axis in axes.flat:
        axis.axis("off")
    figure.savefig(output, dpi=150)
    print(f"Pictures and edges: {output}")


if __name__ == "__main__":
    main()
