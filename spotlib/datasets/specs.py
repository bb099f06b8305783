"""What the twins are: one frozen record per data set, data only (TWIN.md; numbers of METHOD section 7)."""

from __future__ import annotations

import dataclasses
import difflib
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from spotlib.actor.distractors import Habits
from spotlib.datasets.schedule import CAS_ME2, CAS_ME3, CAS_ME3_C, SAMM_LV, EventStatistics
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
    # fewest and most, all equally likely; or one number: the mean of a Poisson number, which in a set of unequal
    # videos grows with their length, so that long videos are not emptier than short ones
    micro_per_video: tuple[int, int] | float
    macro_per_video: tuple[int, int] | float
    fewest: int = 0  # events that every video has at least, of whatever kind
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

    @property
    def mean_frames(self) -> float:
        """Mean length of a video in frames: of a log-normal length, cut at two standard deviations to both sides."""
        sigma, normal = self.seconds_spread, NormalDist()
        inside = math.exp(sigma**2 / 2) * (normal.cdf(2 - sigma) - normal.cdf(-2 - sigma))
        return self.typical_frames * (inside + normal.cdf(-2) * (math.exp(-2 * sigma) + math.exp(2 * sigma)))

    def n_videos(self, subject: int) -> int:
        """Videos of the subject of that number."""
        return round((subject + 1) * self.videos_per_subject) - round(subject * self.videos_per_subject)

    def changed(self, **changes: Any) -> TwinSpec:
        """A copy with some fields changed; None keeps the default.

        With other ``seconds`` the events per video change alike, so that their density stays, unless they are
        given. ``motion_size`` is no field: it multiplies the sizes of all expressions, and what must be visible of them
        by the same. Raises SpotlibError for an unknown field (with the nearest one) and for an impossible value.
        """
        names = [f.name for f in dataclasses.fields(self)]
        sized = self._sized(changes.pop("motion_size", None))
        changes = {**sized, **changes}
        for name in changes:
            if name not in names:
                raise SpotlibError(f"twin {self.name}: unknown parameter {name!r}{nearest(name, names)}")
        changes = {k: v for k, v in changes.items() if v is not None or k == "jpeg_quality"}
        if "seconds" in changes:
            share = changes["seconds"] / self.seconds
            for name in ("micro_per_video", "macro_per_video"):
                changes.setdefault(name, _scaled(getattr(self, name), share))
        return dataclasses.replace(self, **changes)

    def _sized(self, factor: float | None) -> dict[str, Any]:
        if factor is None:
            return {}
        names = ("micro_size", "macro_size", "min_visible", "min_visible_macro")
        values = {name: getattr(self, name) for name in names}
        return {n: tuple(x * factor for x in v) if isinstance(v, tuple) else v * factor for n, v in values.items()}


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
    ("fewest", 0, 100),
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
    statistics=dataclasses.replace(CAS_ME2, gap=197, gap_spread=0.8),
    subjects=20,
    videos_per_subject=2,
    seconds=20.0,
    micro_per_video=(3, 5),
    macro_per_video=(2, 4),
)
# The lid movements AU 6 and AU 7 hardly show in the ten nodes, yet a third of the macro-expressions of SAMM-LV are made
# of them. In the twins of real sets they may therefore be faint; the demo draws them again.
_FAINT = 0.003
SAMM_LV_TWIN = TwinSpec(
    name="samm_lv",
    statistics=SAMM_LV,
    subjects=30,
    videos_per_subject=147 / 30,
    seconds=14.0,  # with the spread below: mean 16.5 s
    seconds_spread=0.6,
    fps=200.0,
    grey=True,
    size=(540, 720),  # really (1088, 2040): smaller, to be rendered in time; the method's crop is its 320 px
    micro_per_video=0.97 * 159 / 147,  # one more in each video that would have none
    macro_per_video=1.01 * 343 / 147,  # some are lost where they do not fit
    fewest=1,
    max_length=0.8,
    min_gap=0.1,
    min_visible_macro=_FAINT,
    light_drift=0.005,  # lamps driven to be even
    flicker=0.001,
)
CAS_ME2_TWIN = TwinSpec(
    name="cas_me2",
    statistics=CAS_ME2,
    subjects=22,
    videos_per_subject=97 / 22,
    seconds=76.9,  # with the spread below: mean 86.5 s
    seconds_spread=0.5,
    micro_per_video=57 / 97,
    macro_per_video=300 / 97,
    min_visible_macro=_FAINT,
)
CAS_ME3_TWIN = TwinSpec(
    name="cas_me3",
    statistics=CAS_ME3,
    subjects=98,
    videos_per_subject=956 / 98,
    # METHOD gives no lengths. The last annotated frames of the 13 films end at 1025 to 4823, 2880 in the mean: 96 s.
    seconds=89.0,
    seconds_spread=0.4,
    micro_per_video=0.97 * 860 / 956,  # one more in each video that would have none
    macro_per_video=0.97 * 3346 / 956,
    fewest=1,
    max_length=0.5,
    min_gap=0.2,
    min_visible_macro=_FAINT,
)
CAS_ME3_C_TWIN = TwinSpec(
    name="cas_me3",
    statistics=CAS_ME3_C,
    subjects=30,
    videos_per_subject=1,
    seconds=420.0,  # the last annotated frames say 360 to 550 s; METHOD gives none
    seconds_spread=0.2,
    micro_per_video=165 / 30,
    macro_per_video=0.0,
    fewest=1,
    talking=0.25,  # an interview
)
SPECS: dict[str, TwinSpec] = {spec.name: spec for spec in (DEMO, SAMM_LV_TWIN, CAS_ME2_TWIN, CAS_ME3_TWIN)}


def get_spec(name: str) -> TwinSpec:
    """The spec of that name; raises SpotlibError with the nearest name if there is none."""
    if name not in SPECS:
        raise SpotlibError(f"unknown data set {name!r}{nearest(name, list(SPECS))}")
    return SPECS[name]


def twin_spec(dataset: str, part: str = "A") -> TwinSpec:
    """The spec of a data set's twin; ``part`` "C" is that of CAS(ME)^3, and of no other."""
    if part == "A":
        return get_spec(dataset)
    if dataset == "cas_me3" and part == "C":
        return CAS_ME3_C_TWIN
    raise SpotlibError(f"{dataset} has no part {part!r}; only cas_me3 has the parts A and C")
