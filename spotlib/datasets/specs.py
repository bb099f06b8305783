"""What the twins are: one frozen record per data set, data only (TWIN.md; numbers of METHOD section 7)."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass
from typing import Any

from spotlib.actor.distractors import Habits
from spotlib.datasets.schedule import CAS_ME2, CAS_ME3, SAMM_LV, EventStatistics
from spotlib.errors import SpotlibError


@dataclass(frozen=True, kw_only=True)
class TwinSpec(Habits):
    """Everything that a twin depends on besides its seed.

    The knobs of difficulty are `head_rotation` and `talking` (both of `Habits`), then `micro_size`, `noise`
    and `min_visible`. Sizes are peak displacements over all 68 landmarks as a share of the inter-ocular
    distance.
    """

    name: str
    statistics: EventStatistics
    subjects: int  # people; the first n of them are the same people whatever the number
    videos_per_subject: float  # 4.9: some have 4, most have 5
    seconds: float  # length of a video; the median, if they differ
    seconds_spread: float = 0.0  # standard deviation of the logarithm of the length
    fps: float = 30.0  # frames per second
    size: tuple[int, int] = (480, 640)  # height, width in px
    grey: bool = False  # pictures (H, W) instead of (H, W, 3)
    # px between landmarks 0 and 16; None: in 480 rows the method's crop is 256 px and not to be resized
    face_width: float | None = None
    # fewest and most, all equally likely; or one number: the mean of a Poisson number
    micro_per_video: tuple[int, int] | float
    macro_per_video: tuple[int, int] | float
    max_length: float = 0.3  # longest event as share of the video; longer draws are repeated
    min_gap: float = 0.4  # s between events that do not meet, and to the ends of the video
    micro_size: tuple[float, float] = (0.003, 0.015)  # drawn evenly; .3 % is the noise floor of tracking
    macro_size: tuple[float, float] = (0.02, 0.10)  # drawn evenly in its logarithm: most are small
    coupling: tuple[float, float] = (0.003, 0.006)  # share of IOD that AUs 6, 7, 43 pull brow and cheek along
    # Expressions that move the ten nodes less are drawn again, but for the share `invisible`: lids that move
    # alone do occur, yet nothing can be learned from what the graph cannot see.
    min_visible: float = 0.0025  # micro
    min_visible_macro: float = 0.01
    invisible: float = 0.05
    noise: float = 1.7  # standard deviation of the sensor noise, grey levels; a webcam in room light
    jpeg_quality: int | None = 92  # both CAS sets and SAMM-LV come as JPEG files; None: no JPEG

    def __post_init__(self) -> None:
        for name, low, high in _LIMITS:
            value = getattr(self, name)
            if value is None:
                continue
            values = value if isinstance(value, tuple) else (value,)
            in_order = name == "size" or list(values) == sorted(values)
            if not in_order or not all(low <= v <= high for v in values):
                raise SpotlibError(
                    f"twin {self.name}: {name} is {value}, expected {low:g} to {high:g}"
                    f"{', the lower end first' if len(values) > 1 else ''}; correct it"
                )

    @property
    def typical_frames(self) -> int:
        """Frames of a video of median length."""
        return round(self.seconds * self.fps)

    def n_videos(self, subject: int) -> int:
        """Videos of the subject of that number."""
        return round((subject + 1) * self.videos_per_subject) - round(subject * self.videos_per_subject)

    def changed(self, **changes: Any) -> TwinSpec:
        """A copy with some fields changed; None keeps the default.

        With other ``seconds`` the events per video change alike, so that their density stays, unless they are
        given. Raises SpotlibError for an unknown field (with the nearest one) and for an impossible value.
        """
        names = [f.name for f in dataclasses.fields(self)]
        for name in changes:
            if name not in names:
                raise SpotlibError(f"twin {self.name}: unknown parameter {name!r}{nearest(name, names)}")
        changes = {k: v for k, v in changes.items() if v is not None or k == "jpeg_quality"}
        if "seconds" in changes:
            share = changes["seconds"] / self.seconds
            for name in ("micro_per_video", "macro_per_video"):
                changes.setdefault(name, _scaled(getattr(self, name), share))
        return dataclasses.replace(self, **changes)


_LIMITS = (
    ("subjects", 1, 1000),
    ("videos_per_subject", 1, 1000),
    ("seconds", 1, 7200),
    ("seconds_spread", 0, 1),
    ("fps", 5, 1000),
    ("size", 64, 4096),
    ("face_width", 20, 4096),
    ("micro_per_video", 0, 1000),
    ("macro_per_video", 0, 1000),
    ("max_length", 0.01, 1),
    ("min_gap", 0, 60),
    ("micro_size", 0, 0.1),
    ("macro_size", 0, 0.3),
    ("min_visible", 0, 0.1),
    ("min_visible_macro", 0, 0.1),
    ("invisible", 0, 1),
    ("noise", 0, 20),
    ("jpeg_quality", 10, 100),
    ("blink_gap", 0.5, 1e6),
    ("blink_coupling", 0, 0.05),
    ("coupling", 0, 0.05),
    ("gaze_gap", 0.2, 1e6),
    ("gaze_range", 0, 20),
    ("head_rotation", 0, 15),
    ("head_shift", 0, 0.5),
    ("turn_gap", 4, 1e6),
    ("breathing", 0, 0.1),
    ("swallow_gap", 2, 1e6),
    ("talking", 0, 0.6),
    ("light_drift", 0, 0.3),
    ("flicker", 0, 0.1),
)


def _scaled(count: tuple[int, int] | float, share: float) -> tuple[int, int] | float:
    if not isinstance(count, tuple):
        return count * share
    return round(count[0] * share), max(1, round(count[1] * share))


def nearest(name: str, known: list[str]) -> str:
    """ "; did you mean ...?" or a list of what there is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


# Dense on purpose: 80 to 160 micro-expressions are what it takes to learn anything (TWIN.md).
DEMO = TwinSpec(
    name="demo",
    statistics=CAS_ME2,
    subjects=20,
    videos_per_subject=2,
    seconds=20.0,
    micro_per_video=(3, 5),
    macro_per_video=(2, 4),
)
SAMM_LV_TWIN = TwinSpec(
    name="samm_lv",
    statistics=SAMM_LV,
    subjects=30,
    videos_per_subject=147 / 30,
    seconds=15.2,  # with the spread below: mean 16.5 s
    seconds_spread=0.4,
    fps=200.0,
    grey=True,
    size=(540, 720),  # really (1088, 2040): smaller, to be rendered in time; the method's crop is its 320 px
    micro_per_video=159 / 147,
    macro_per_video=343 / 147,
    max_length=0.8,
    min_gap=0.1,
    light_drift=0.005,  # lamps driven to be even
    flicker=0.001,
)
CAS_ME2_TWIN = TwinSpec(
    name="cas_me2",
    statistics=CAS_ME2,
    subjects=22,
    videos_per_subject=97 / 22,
    seconds=79.9,  # with the spread below: mean 86.5 s
    seconds_spread=0.4,
    micro_per_video=57 / 97,
    macro_per_video=300 / 97,
)
CAS_ME3_TWIN = TwinSpec(
    name="cas_me3",
    statistics=CAS_ME3,
    subjects=98,
    videos_per_subject=956 / 98,
    seconds=90.0,  # [our choice: METHOD gives none]
    seconds_spread=0.3,
    micro_per_video=860 / 956,
    macro_per_video=3346 / 956,
)
SPECS: dict[str, TwinSpec] = {spec.name: spec for spec in (DEMO, SAMM_LV_TWIN, CAS_ME2_TWIN, CAS_ME3_TWIN)}


def get_spec(name: str) -> TwinSpec:
    """The spec of that name; raises SpotlibError with the nearest name if there is none."""
    if name not in SPECS:
        raise SpotlibError(f"unknown data set {name!r}{nearest(name, list(SPECS))}")
    return SPECS[name]
