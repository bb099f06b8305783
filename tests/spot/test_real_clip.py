"""A real face, filmed by hand with a variable frame rate: turns up, smiles, and everything holds together."""

from __future__ import annotations

import numpy as np

from spotlib.spot import load_result, load_weights, save_result, spot
from spotlib.spot.moments import SIDE
from tests.real_clips import real_clip


def test_packaged_weights_on_a_real_clip(tmp_path) -> None:
    path = real_clip("noface_face.mov")
    weights = load_weights()
    result = spot(path, weights=weights, min_score=0.0)
    spotted = result.spotted
    assert result.settings["rate"]["variable"]
    assert spotted.fps == 30
    assert not spotted.synthetic
    assert (np.diff(spotted.seconds) > 0).all()
    assert 0.1 < result.valid.mean() < 0.95  # at first there is nobody
    assert not result.valid[:10].any()
    for event, moment in zip(spotted.events, result.moments, strict=True):
        assert result.valid[event.onset] or event.onset < 20
        assert moment is None or (moment.side == SIDE and np.isfinite(moment.arrows).any())
    assert np.array_equal(spot(path, weights=weights, pictures=False, threads=1).probabilities, result.probabilities)
    save_result(tmp_path / "real", result)
    assert load_result(tmp_path / "real") == result


def test_the_packaged_weights_say_what_they_are() -> None:
    from spotlib.spot.weights import ASSETS

    weights = load_weights()
    assert weights.synthetic
    assert weights.measured
    text = (ASSETS / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert weights.digest in text
    assert "no lie detector" in text
