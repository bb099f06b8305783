"""Who the actor is: body shape, skin, brows, eyes, hair and clothes drawn from one seed.

Nothing here touches pixels or vertices: an `Identity` is a short record that `face.py` turns into a shape and
`skin.py` into a texture, so two equal records always give the same person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from spotlib.actor.asset import eyeball, load_head
from spotlib.actor.landmarks import landmarks_of

Colour = tuple[float, float, float]  # linear-light RGB in [0, 1]

ANCESTRIES = ("african", "asian", "caucasian")
# Two targets that undo each other, as the last word of their names: a signed weight picks one of the two.
OPPOSITES = (
    ("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex"),
    ("compress", "uncompress"),
)  # fmt: skip
# Standard deviation of the signed weight per name pattern, first match wins. Zero: moving or scaling the
# whole head says nothing after it is centred and scaled, and the remaining ones spoil eyelids or necks.
SPREAD = (
    (r"head-(trans|scale-depth|age)|neck-(trans|double)|measure-neck|eye-(trans-(up|down)|scale|push)", 0.0),
    (r"head-scale|head-angle|head-back|forehead-temple|forehead-nubian", 0.1),
    (r"head-fat", 0.2),
    (r"eye-trans|eye-height", 0.1),
    (r"eye", 0.2),
    (r"mouth-(trans|laugh|dimples|scale-horiz)", 0.12),
    (r"mouth", 0.2),
    (r"nose-trans|nose-volume", 0.12),
    (r"nose", 0.25),
    (r"eyebrows", 0.14),
    (r"chin|cheek", 0.22),
    (r"neck", 0.12),
    (r"ear-(wing|flap)", 0.2),
    (r"", 0.25),
)
BROW_HEIGHT = (0.295, 0.36)  # brow landmarks above the eyes, share of the pupil distance
BROW_STEP = 0.085  # what a full eyebrows-trans target moves them, in the same measure
HEAD_SHAPES = ("diamond", "invertedtriangular", "oval", "rectangular", "round", "square", "triangular")


@dataclass(frozen=True)
class Identity:
    """One person. Colours are linear-light RGB; lengths are shares or decimetres as said per field."""

    seed: int  # textures draw their noise from it
    sex: float  # 0 female, 1 male
    age: float  # years
    ancestry: Colour  # shares of ANCESTRIES, sum 1
    shape: tuple[tuple[str, float], ...]  # identity target weights, macro targets included
    skin: Colour  # albedo
    redness: float  # of cheeks, nose and ears, 0 to 1
    lips: Colour  # factor on the skin's albedo
    brow_colour: Colour
    brow_density: float  # 0 bare to 1 full
    brow_thickness: float  # decimetres at the widest place
    brow_arch: float  # decimetres that the middle is lifted
    brow_length: float  # factor
    iris: Colour
    pupil: float  # share of the iris radius
    hair: Colour
    hair_thickness: float  # decimetres that the hair lifts off the scalp; about 0: shaven
    hairline: float  # decimetres of forehead above the brows
    widows_peak: float  # decimetres that the middle of the hairline comes down
    temple: float  # decimetres that the hairline runs back at the temples
    long_hair: bool  # falls behind the ears to the shoulders
    parting: float  # decimetres off the middle
    stubble: float  # 0 shaven to 1 short beard
    freckles: int
    moles: int
    pores: float  # contrast factor of the fine skin texture
    wrinkles: float  # 0 smooth to 1 deep
    lashes: float  # length factor
    shine: float  # strength of the specular highlight
    cloth: Colour
    backdrop: Colour


def _macro(sex: float, age: float, ancestry: Colour, muscle: float, weight: float) -> dict[str, float]:
    """Weights of MakeHuman's macro targets: products of linear blends, as its own rules say."""
    old = float(np.clip((age - 25.0) / 65.0, 0.0, 1.0))
    sexes = {"female": 1.0 - sex, "male": sex}
    ages = {"young": 1.0 - old, "old": old}

    def blend(value: float, word: str) -> dict[str, float]:
        low, high = max(0.0, 1.0 - 2.0 * value), max(0.0, 2.0 * value - 1.0)
        return {f"min{word}": low, f"average{word}": 1.0 - low - high, f"max{word}": high}

    out: dict[str, float] = {}
    for s, ws in sexes.items():
        for a, wa in ages.items():
            for group, wg in zip(ANCESTRIES, ancestry, strict=True):
                out[f"{group}-{s}-{a}"] = wg * ws * wa
            for m, wm in blend(muscle, "muscle").items():
                for f, wf in blend(weight, "weight").items():
                    out[f"universal-{s}-{a}-{m}-{f}"] = ws * wa * wm * wf
    return out


def _axes(names: tuple[str, ...]) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Signed axes of the detail targets: (name, [(low, high) or (low,) per side]); sides share a weight."""
    left_over = [n for n in names if not n.startswith((*ANCESTRIES, "universal", "asym", "head-"))]
    left_over += [n for n in names if n.startswith("head-") and n[5:] not in HEAD_SHAPES]
    axes: dict[str, dict[str, list[str]]] = {}
    opposite = {word: pair for pair in OPPOSITES for word in pair}
    for name in left_over:
        bare = re.sub(r"^[lr]-", "", name)
        stem, _, last = bare.rpartition("-")
        key = f"{stem}-{'/'.join(opposite[last])}" if last in opposite else bare
        axes.setdefault(key, {}).setdefault(name[: len(name) - len(bare)], []).append(name)
    return [(key, [tuple(sorted(side)) for side in sides.values()]) for key, sides in sorted(axes.items())]


def _details(rng: np.random.Generator) -> dict[str, float]:
    """Weights of the detail targets: signed normal draws, equal on both sides, plus a little asymmetry."""
    names = load_head().target_names
    out: dict[str, float] = {}
    for key, sides in _axes(names):
        spread = next(s for pattern, s in SPREAD if re.search(pattern, key))
        value = float(np.clip(rng.normal(0.0, 1.0), -2.2, 2.2)) * spread
        for pair in sides:
            if len(pair) == 2:
                out[pair[int(value > 0)]] = abs(value)
            else:
                out[pair[0]] = max(0.0, value)
    out[f"head-{HEAD_SHAPES[int(rng.integers(len(HEAD_SHAPES)))]}"] = float(rng.uniform(0.0, 0.25))
    for name in names:
        if name.startswith("asym-"):
            out[name] = max(0.0, float(rng.normal(0.0, 0.1)))
    return out


def _settle_brows(shape: dict[str, float]) -> None:
    """Bring the brows to a human height, in place: stacked targets can lift them onto the forehead."""
    head = load_head()
    vertices = head.shape(shape)
    left, right = (eyeball(vertices, head, name)[0] for name in ("eye-left", "eye-right"))
    per_eye = float(np.linalg.norm(right - left))
    height = float((landmarks_of(vertices)[17:27] - (left + right) / 2)[:, 1].mean()) / per_eye
    low, high = BROW_HEIGHT
    for word, excess in (("down", height - high), ("up", low - height)):
        name = f"eyebrows-trans-{word}"
        if excess > 0:
            shape[name] = min(1.2, shape.get(name, 0.0) + excess / BROW_STEP)


def _mix(low: Colour, high: Colour, share: float) -> Colour:
    """Linear blend of two colours."""
    a, b, c = (float(x + (y - x) * share) for x, y in zip(low, high, strict=True))
    return a, b, c


def sample_identity(seed: int) -> Identity:
    """Draw a person; the same seed always gives the same record, two seeds never the same one.

    Sex, age (18 to 65), ancestry, build, about 100 signed shape axes, and all surface properties are drawn
    independently except where nature ties them (hair to skin tone, stubble to sex, grey hair to age).
    """
    rng = np.random.default_rng([seed, 0xFACE])
    male = bool(rng.random() < 0.5)
    sex = float(np.clip(rng.normal(0.9 if male else 0.1, 0.08), 0.0, 1.0))
    age = float(18.0 + 47.0 * rng.beta(1.3, 2.4))
    shares = rng.dirichlet((0.55, 0.55, 0.7))
    ancestry: Colour = (float(shares[0]), float(shares[1]), float(shares[2]))
    shape = _macro(sex, age, ancestry, float(rng.uniform(0.3, 0.7)), float(rng.beta(2.5, 2.5)))
    shape |= _details(rng)
    _settle_brows(shape)

    # Melanin runs from 0 (fair) to 1 (dark); the ramp is fitted by eye to photographed cheeks in even light.
    melanin = float(np.clip(shares @ np.array([0.8, 0.34, 0.14]) + rng.normal(0.0, 0.09), 0.02, 0.95))
    ramp = np.array([[0.66, 0.42, 0.31], [0.52, 0.29, 0.19], [0.33, 0.165, 0.095], [0.13, 0.062, 0.038]])
    at = melanin * (len(ramp) - 1)
    low = min(int(at), len(ramp) - 2)
    skin_rgb = ramp[low] + (ramp[low + 1] - ramp[low]) * (at - low)
    skin_rgb = skin_rgb * (1.0 + rng.normal(0.0, 0.03, 3))
    fair = (1.0 - melanin) * float(shares[2])
    blond = float(np.clip(rng.beta(1.2, 2.0) * fair * 1.6, 0.0, 1.0))
    hair = _mix((0.010, 0.007, 0.006), (0.36, 0.22, 0.10), blond)
    if fair > 0.35 and rng.random() < 0.2:
        hair = _mix(hair, (0.22, 0.065, 0.02), 0.8)
    grey = float(np.clip((age - 38.0) / 28.0, 0.0, 1.0) * rng.random())
    hair_now = _mix(hair, (0.42, 0.41, 0.40), grey)
    eye_draw = float(rng.random())
    iris: Colour = (0.075, 0.032, 0.012)
    if fair > 0.3 and eye_draw < 0.75:
        iris = ((0.13, 0.22, 0.32), (0.14, 0.20, 0.11), (0.17, 0.11, 0.045))[int(rng.integers(3))]
    iris = _mix(iris, (0.05, 0.022, 0.010), float(rng.uniform(0.0, 0.5)))
    red = float(rng.uniform(0.6, 0.95 if male else 1.0))
    cloth_hue = rng.dirichlet((1.2, 1.2, 1.2)) * rng.uniform(0.1, 0.9)
    wall = float(rng.uniform(0.18, 0.5))
    return Identity(
        seed=seed,
        sex=sex,
        age=age,
        ancestry=ancestry,
        shape=tuple(sorted((n, round(w, 5)) for n, w in shape.items() if w > 1e-3)),
        skin=(float(skin_rgb[0]), float(skin_rgb[1]), float(skin_rgb[2])),
        redness=float(rng.uniform(0.2, 1.0)),
        lips=(float(rng.uniform(0.86, 0.98)), 0.42 + 0.2 * (1 - red), 0.50 + 0.2 * (1 - red)),
        brow_colour=_mix(_mix(hair, (0.010, 0.007, 0.006), 0.62), (0.3, 0.29, 0.28), 0.35 * grey),
        brow_density=float(rng.uniform(0.6, 1.0)),
        brow_thickness=float(rng.uniform(0.085, 0.125) if male else rng.uniform(0.06, 0.095)),
        brow_arch=float(rng.normal(0.0, 0.02)),
        brow_length=float(rng.uniform(0.92, 1.08)),
        iris=iris,
        pupil=float(rng.uniform(0.32, 0.5)),
        hair=hair_now,
        hair_thickness=float(rng.uniform(0.01, 0.2) if male else rng.uniform(0.08, 0.2)),
        hairline=float(rng.uniform(0.34, 0.54)),
        widows_peak=float(rng.uniform(-0.05, 0.1)),
        temple=float(rng.uniform(0.0, 0.18) * (0.4 + (age / 65.0) * sex)),
        long_hair=bool(rng.random() < (0.08 if male else 0.65)),
        parting=float(rng.uniform(-0.4, 0.4)),
        stubble=float(max(0.0, rng.uniform(-0.4, 0.8))) if male else 0.0,
        freckles=int(rng.integers(20, 160) if fair > 0.4 and rng.random() < 0.4 else rng.integers(0, 12)),
        moles=int(rng.integers(1, 8)),
        pores=float(rng.uniform(0.8, 1.3)),
        wrinkles=float(np.clip((age - 25.0) / 40.0 + rng.normal(0.0, 0.12), 0.05, 1.0)),
        lashes=float(rng.uniform(0.12, 0.2) if male else rng.uniform(0.22, 0.38)),
        shine=float(rng.uniform(0.5, 1.1)),
        cloth=(float(cloth_hue[0]), float(cloth_hue[1]), float(cloth_hue[2])),
        backdrop=_mix((wall, wall, wall), (wall * 0.8, wall * 0.95, wall * 1.15), float(rng.uniform(-0.5, 1.0))),
    )
