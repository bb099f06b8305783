"""``python -m tests.compiled``: what numba compiles on first use, compiled once before several processes all would.

`make test` does this while the texts are checked. Functions go into numba's cache beside the package.
"""

from __future__ import annotations


def main() -> None:
    """Render a few frames of a twin in both ways and follow the face through them; attend a little."""
    import torch

    from spotlib.datasets.twin import make_twin
    from spotlib.faces import to_grey
    from spotlib.models.fast.short_attention import Sequences, attended, gradient
    from spotlib.swmro import MotionStream

    video = make_twin("demo", seed=7).videos[0]
    stream = MotionStream()
    for index in range(4):
        stream.push(to_grey(video.frame(index)))
    stream.finish()

    qkv, where = torch.zeros(24, 30), Sequences.outermost(3, 10)
    _, weights = attended(qkv, 1, where, scale=1.0, save=True)
    assert weights is not None
    gradient(torch.zeros(8, 30), qkv, weights, 1, where, scale=1.0)


if __name__ == "__main__":
    main()
