"""The figure on the contrastive loss: its alt text on hand-made numbers."""

from __future__ import annotations

import pytest

from spotlib.errors import SpotlibError
from spotlib.figures import embedding


def seen() -> dict:
    def epochs(spread: float, **more: float) -> list[dict]:
        return [
            {"epoch": n, "spread": spread / (n + 1), "between": 0.2 * n, "boundary_micro": 0.5 - 0.1 * n, **more}
            for n in range(3)
        ]

    return {
        "dataset": "samm_lv", "synthetic": True,
        "ways": {
            "as published": {"equal": 44.5, "epochs": epochs(3.0, contrastive=44.0)},
            "without the term": {"equal": 44.5, "epochs": epochs(30.0)},
        },
    }  # fmt: skip


def test_alt_text_tells_spread_and_loss(tmp_path) -> None:
    figure = embedding(seen())
    assert "as published: at the end the embeddings spread over 1, the contrastive loss is -0.50" in figure.alt
    assert "without the term: at the end the embeddings spread over 10, ME boundary loss 0.30" in figure.alt
    assert "SYNTHETIC" in figure.alt
    assert all(path.stat().st_size for path in figure.save(tmp_path))


def test_nothing_watched() -> None:
    with pytest.raises(SpotlibError, match="no way to train was watched"):
        embedding({"dataset": "demo", "ways": {}})
