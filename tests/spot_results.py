"""Results of `spotlib spot` to look at: real rendered pictures, made-up scores."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from spotlib.exports.spotted import Spotted
from spotlib.intervals import Event, Kind
from spotlib.points import layout_indices, point_positions
from spotlib.spot.result import Moment, Result
from tests.scenes import Scene, brow_scene, moving_scene

FPS = 30.0
EVENTS = (
    Event(Kind.MICRO, 372, 378, 384, side="left", score=0.812),
    Event(Kind.MACRO, 95, 118, 160, score=0.664, aus=("6", "12")),
    Event(Kind.MACRO, 400, 420, 470, score=0.31),
    Event(Kind.MICRO, 455, 461, 468, score=0.074, side="right"),  # within the macro event: doubtful
    Event(Kind.MICRO, 700, None, 712, score=0.29),
)
RULES = {
    "macro": {"k_min": 8, "k_max": 29, "min_score": 0.05, "threshold": 0.5},
    "micro": {"k_min": 2, "k_max": 8, "min_score": 0.05, "threshold": 0.5},
}
HOSTILE = "</script><img src=x onerror=\"document.title='broken'\"><b>'\u2028\U0001f3ac & <!--"


def scores_of(events: tuple[Event, ...], n_frames: int, *, seed: int = 5) -> np.ndarray:
    """(T, 10) float16: low noise, with hills where the events are."""
    rng = np.random.default_rng(seed)
    noise = rng.random((n_frames, 10), np.float32) * 0.08
    frames = np.arange(n_frames, dtype=np.float32)
    for event in events:
        onset, offset, apex = (0, 1, 6) if event.kind == Kind.MICRO else (3, 4, 7)
        top = (event.score or 0.3) ** (1 / 3)
        width = 1.5 if event.kind == Kind.MICRO else 4.0
        middle = (event.onset + event.offset) // 2 if event.apex is None else event.apex
        near = slice(max(0, event.onset - 40), event.offset + 41)
        for channel, at in ((onset, event.onset), (offset, event.offset), (apex, middle)):
            hill = top * np.exp(-(((frames[near] - at) / width) ** 2))
            noise[near, channel] = np.maximum(noise[near, channel], hill)
    return noise.astype(np.float16)


def jpeg(picture: np.ndarray) -> bytes:
    """A grey picture (H, W) as JPEG."""
    import cv2

    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


@functools.cache
def moment_of(name: str, *, side: int = 224, pictures: int = 24) -> Moment:
    """Crops of a rendered scene around its face, with the true motion of the nodes."""
    import cv2

    scene: Scene = {"brow": brow_scene, "smile": moving_scene}[name]()
    low, high = scene.truth[0].min(0), scene.truth[0].max(0)
    middle, half = (low + high) / 2, float((high - low).max()) * 0.62
    left, top = np.maximum(0, np.rint(middle - half)).astype(int)
    right, bottom = np.rint(middle + half).astype(int)
    crops = [cv2.resize(p[top:bottom, left:right], (side, side), interpolation=cv2.INTER_AREA) for p in scene.pictures]
    last = len(crops) - 1
    apex = last // 2 if name == "brow" else last // 4
    points = point_positions(scene.truth)[:, layout_indices("all")]
    scale = side / (right - left)
    onset = (points[0] - [left, top]) * scale
    motion = (points[apex] - points[0]) * scale
    motion -= motion[[10, 11]].mean(0)  # the nose wings stand for the head
    arrows = np.concatenate([onset, motion], axis=1).astype(np.float32)
    arrows[5] = np.nan
    loop = tuple(jpeg(crops[i]) for i in np.linspace(0, last, min(pictures, last + 1)).round().astype(int))
    return Moment(strip=(jpeg(crops[0]), jpeg(crops[apex]), jpeg(crops[last])), loop=loop, side=side, arrows=arrows)


@functools.cache
def rendered_result() -> Result:
    """Half a minute with five events, one gap without a face, and pictures of four events."""
    n_frames = 900
    valid = np.ones(n_frames, bool)
    valid[520:560] = False
    valid[640] = False
    moments = (moment_of("brow"), moment_of("smile"), moment_of("smile"), moment_of("brow"), None)
    return Result(
        spotted=Spotted(
            video="interview",
            source="interview.mp4",
            fps=FPS,
            n_frames=n_frames,
            events=EVENTS,
            regions=("brow", "mouth corner", None, "mouth", "brow"),
            warnings=((), (), ("head turned far to the side",), ("little light", "tracking restarted"), ()),
            synthetic=True,
            weights="twins 3f9a",
        ),
        probabilities=scores_of(EVENTS, n_frames),
        valid=valid,
        rules=RULES,
        moments=moments,
        settings={
            "kinds": ["macro", "micro"],
            "magnified": {"macro": 2.0, "micro": 5.0},
            "notes": ["shot with a phone"],
        },
    )


def hostile_result() -> Result:
    """`rendered_result` with mark-up in every text."""
    result = rendered_result()
    spotted = replace(
        result.spotted,
        video=HOSTILE,
        source=HOSTILE,
        regions=(HOSTILE,) * 5,
        warnings=((HOSTILE,),) * 5,
        weights=HOSTILE,
    )
    return replace(result, spotted=spotted, settings={HOSTILE: HOSTILE})


def long_result(*, seconds: int = 3 * 3600, every: int = 20) -> Result:
    """Hours of video with a micro-expression every so many seconds, each with pictures."""
    n_frames = int(seconds * FPS)
    starts = range(60, n_frames - 60, int(every * FPS))
    events = tuple(Event(Kind.MICRO, s, s + 5, s + 11, score=0.1 + 0.8 * (s % 97) / 97) for s in starts)
    spotted = Spotted(video="long", source="long.mp4", fps=FPS, n_frames=n_frames, events=events)
    return Result(
        spotted=spotted,
        probabilities=scores_of(events, n_frames),
        valid=np.ones(n_frames, bool),
        rules=RULES,
        moments=(moment_of("brow"),) * len(events),
    )
