"""Any frame rate comes near 30 with the factor stated, and every frame keeps its true time."""

from __future__ import annotations

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.spot.source import Footage, Rate, choose_rate, taken
from tests.spot.factory import write_file
from tests.test_video import number, picture, write_folder, write_video


@pytest.mark.parametrize(
    ("source", "every", "used"),
    [(23.976, 1, 23.976), (24, 1, 24), (25, 1, 25), (47.952, 2, 23.976),
     (29.97, 1, 29.97), (30, 1, 30), (50, 2, 25), (59.94, 2, 29.97), (60, 2, 30), (90, 3, 30),
     (100, 3, 100 / 3), (120, 4, 30), (200, 7, 200 / 7), (240, 8, 30), (1000, 33, 1000 / 33)],
)  # fmt: skip
def test_whole_factors(source: float, every: int, used: float) -> None:
    rate = choose_rate(source)
    assert (rate.every, rate.used) == (every, pytest.approx(used))
    assert rate.factor == pytest.approx(every)


@pytest.mark.parametrize("source", [5, 12, 15, 40, 45])
def test_other_rates_are_resampled(source: float) -> None:
    rate = choose_rate(source)
    assert (rate.every, rate.used) == (0, 30)
    assert f"factor {source / 30:.4g}, nearest timestamps" in str(rate)


def test_every_rate_from_24_to_240_is_near_30() -> None:
    for source in np.arange(24, 240.1, 0.1):
        assert 23.9 <= choose_rate(float(source)).used <= 36


def test_wanted_rates() -> None:
    assert choose_rate(60, wanted=30).every == 2
    assert choose_rate(25, wanted=30) == Rate(25, 30, 0)
    assert choose_rate(60, variable=True, wanted=30).every == 0


def frames_at(times) -> list[tuple[int, float, int]]:
    return [(i, float(t), i) for i, t in enumerate(times)]


def test_every_nth_frame_keeps_its_own_time() -> None:
    times = np.arange(20) / 60 + 0.001 * np.arange(20) ** 2
    got = list(taken(frames_at(times), Rate(60, 30, 2)))
    assert [n for n, _, _ in got] == list(range(0, 20, 2))
    np.testing.assert_array_equal([t for _, t, _ in got], times[::2])


@pytest.mark.parametrize("seed", range(10))
def test_nearest_frames_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.choice([0.01, 0.033, 0.04, 0.2, 1.0], size=60)
    times = np.concatenate([[0], np.cumsum(steps)])
    got = list(taken(frames_at(times), Rate(20, 30, 0)))
    assert len(got) == int(np.floor(times[-1] * 30 + 1e-6)) + 1
    for k, (index, seconds, _) in enumerate(got):
        assert abs(times[index] - k / 30) <= np.abs(times - k / 30).min() + 1e-12
        own = abs(times[index] - k / 30) < 0.5 / 30 - 1e-9
        if abs(abs(times[index] - k / 30) - 0.5 / 30) > 1e-9:  # rounding decides between the two
            assert seconds == pytest.approx(times[index] if own else k / 30, abs=1e-12)
    assert (np.diff([t for _, t, _ in got]) > 0).all()


def test_a_regular_file_is_taken_as_it_is(tmp_path) -> None:
    footage = Footage(write_video(tmp_path / "a.mp4"))
    got = list(footage.frames())
    assert [n for n, _, _ in got] == list(range(20))
    np.testing.assert_allclose([t for _, t, _ in got], np.arange(20) / 25, atol=1.5e-3)
    assert footage.rate.every == 1
    assert footage.n_frames == 20


def test_a_fast_file_has_its_factor_stated(tmp_path) -> None:
    shown = np.stack([picture(i) for i in range(48)])
    footage = Footage(write_file(tmp_path / "a.mp4", shown, fps=240))
    got = list(footage.frames())
    assert [n for n, _, _ in got] == [0, 8, 16, 24, 32, 40]
    np.testing.assert_allclose([t for _, t, _ in got], np.arange(6) / 30, atol=1.5e-3)
    assert any("every 8th used" in note for note in footage.notes)


def test_a_variable_file_is_resampled_and_says_so(tmp_path) -> None:
    times = [0.0, 0.04, 0.08, 0.2, 0.24, 0.5, 0.54, 0.58, 0.62, 0.7, 0.74, 0.78]
    footage = Footage(write_video(tmp_path / "a.mp4", n=12, times=times))
    got = list(footage.frames())
    assert footage.rate.variable
    assert any("variable frame rate" in note for note in footage.notes)
    assert any("resampled to 30 frames/s" in note for note in footage.notes)
    seconds = [t for _, t, _ in got]
    assert (np.diff(seconds) > 0).all()
    for n, t, grey in got:
        assert n == number(grey)
        # its own time, or the instant of one that has to stand for a while
        assert min(abs(t - times[n]), abs(t * 30 - round(t * 30)) / 30) < 1e-3
    assert [n for n, _, _ in got][-1] == 11


def test_pictures_are_upright_and_read_no_further_than_needed(tmp_path) -> None:
    footage = Footage(write_video(tmp_path / "a.mp4", turn=90))
    assert footage.size == (64, 48)
    upright = next(iter(footage.frames()))[2]
    got = list(footage.pictures([7, 3, 7]))
    assert [n for n, _ in got] == [3, 7]
    assert got[0][1].shape == (*upright.shape, 3) == (64, 48, 3)
    assert abs(float(got[0][1].mean()) - float(list(footage.frames())[3][2].mean())) < 4


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    return write_file(tmp_path_factory.mktemp("long") / "a.mp4", np.stack([picture(i) for i in range(900)]))


def _same(got: list[tuple[int, np.ndarray]], expected: list[tuple[int, np.ndarray]]) -> bool:
    pairs = zip(got, expected, strict=True)
    return all(a == b and np.array_equal(p, q) for (a, p), (b, q) in pairs)


WANTED = [3, 4, 310, 500, 501, 899]


def test_pictures_far_apart_are_jumped_to_and_the_same(long_file, monkeypatch) -> None:
    footage = Footage(long_file)
    seconds = {number: at for number, at, _ in footage.frames()}
    expected = list(footage.pictures(WANTED))
    assert len({p.tobytes() for _, p in expected}) == len(WANTED)  # else the wrong one could not be told
    monkeypatch.setattr(type(footage._source), "lazily", lambda self: pytest.fail("read from its beginning"))
    assert _same(list(footage.pictures(WANTED, seconds)), expected)


def test_a_file_that_cannot_be_jumped_in_is_read_from_its_beginning(long_file, monkeypatch) -> None:
    footage = Footage(long_file)
    expected = list(footage.pictures(WANTED))
    off = {number: number / 30 + (0.01 if number > 400 else 0.0) for number in WANTED}
    assert _same(list(footage.pictures(WANTED, off)), expected)
    beyond = {number: number / 30 + (60.0 if number > 400 else 0.0) for number in WANTED}
    assert _same(list(footage.pictures(WANTED, beyond)), expected)


def test_a_folder_of_images(tmp_path) -> None:
    folder = write_folder(tmp_path / "images", [f"{i}.png" for i in range(14)])
    footage = Footage(folder, fps=200)
    assert [n for n, _, _ in footage.frames()] == [0, 7]
    assert footage.rate.used == pytest.approx(200 / 7)
    assert [n for n, p in footage.pictures([2]) if p.shape == picture(0).shape] == [2]
    assert "taken as 30 frames/s" in " ".join(Footage(folder).notes)


def test_bad_input_is_one_line(tmp_path) -> None:
    (tmp_path / "empty.mp4").touch()
    for path, said in ((tmp_path / "absent.mp4", "no such file"), (tmp_path / "empty.mp4", "the file is empty")):
        with pytest.raises(SpotlibError, match=said):
            Footage(path)
    with pytest.raises(SpotlibError, match="give a number from 1 to 1000"):
        Footage(tmp_path, fps=0)


def test_a_rendered_file_says_so(tmp_path) -> None:
    import av

    from spotlib.tables.caption import SYNTHETIC

    plain = write_file(tmp_path / "plain.mp4", np.stack([picture(i) for i in range(3)]))
    assert not Footage(plain).synthetic
    marked = tmp_path / "marked.mp4"
    with av.open(str(plain)) as source, av.open(str(marked), "w") as target:
        target.metadata["comment"] = SYNTHETIC
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert Footage(marked).synthetic
