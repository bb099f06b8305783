"""The model card of weights: what they were trained on, what was measured, and what they are not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from spotlib.spot.weights import Weights

_SYNTHETIC = (
    "**Trained on rendered people only.** No real face was seen in training. Numbers below are of rendered people"
    " unless they say otherwise; how well these weights do on real faces has to be measured on real faces.",
)
_REAL = (
    "Trained on recordings of real people under the data set's licence. The weights may be bound by that licence;"
    " ask its owners before you hand them on.",
)
#: beginning of a digest -> what was measured on real faces with these weights (python -m spotlib.bench.real_faces)
_REAL_FACES = {
    "518219610ea5": (
        "- real faces (docs/real_faces.md of the source): of movements of 1.5 % of the inter-ocular distance"
        " that were put into real video, at no more than 2 false micro alarms a minute in each clip, 5 of"
        " 38 were found as micro-expressions (a man smiled, a woman wept and laughed), and 7 of 12 on a"
        " rendered face; with the rules below there were no false micro alarms in these clips as they are, and at most"
        " 1.1 a minute where they were played to and fro (half a minute to a minute of each counts). The least score of"
        " micro-expressions was set on two of the three. **They are not ready for real interviews.**\n"
        "- about the figures above: 272 of the videos are 68 rendered ones, each as it is and three times changed, and"
        " minutes and events count them so; differing in time only is meant of the kinds' action units, their sizes"
        " overlap (micro 0.4 to 4 %, macro 0.5 to 30 % of the inter-ocular distance); the command that trains such"
        " weights, `python -m spotlib.spot.restless`, is younger than the commit below."
    ),
}
_LIMITS = (
    "- They find movements of the face that look like the expressions they were trained on. They do **not** tell what"
    " a person feels, thinks or intends: they are **no lie detector** and **no diagnosis**, and must not be used to"
    " decide about a person.",
    "- Every event is a proposal for a person to look at. Speech, blinks, chewing and head movements cause false"
    " alarms; weak and slow movements are missed.",
    "- One frontal face of at least 80 px, evenly lit, at 24 frames per second or more. Glasses, masks, beards, strong"
    " compression and profile views make the tracking worse.",
    "- Whom they work worse for (age, skin, sex, face shape, palsy, make-up) was not measured.",
)


def card(weights: Weights) -> str:
    """Markdown text about ``weights``, one heading each for use, training, figures and limits."""
    real = [said for begin, said in _REAL_FACES.items() if weights.digest.startswith(begin)]
    measured = [*_lines(weights.measured), *real] or ["Nothing."]
    lines = [
        f"# {weights.name}",
        "",
        "Weights of spotlib that spot macro- and micro-expressions (onset, apex, offset) in videos of faces.",
        "",
        *(_SYNTHETIC if weights.synthetic else _REAL),
        "",
        "## Use",
        "",
        f"`spotlib spot VIDEO --weights {weights.name}.safetensors`",
        "",
        "## Trained on",
        "",
        *_lines(weights.trained_on),
        "",
        "## Measured",
        "",
        *measured,
        "",
        "## What they are not",
        "",
        *_LIMITS,
        "",
        "## Network, windows, rules",
        "",
        f"- network: {weights.system}, {sum(a.size for a in weights.state.values()):,} values; {_said(weights.model)}",
        f"- windows: {_said(weights.window)}",
        *(f"- rule for {kind}: {_said(dataclasses.asdict(rule))}" for kind, rule in weights.rules.items()),
        f"- code: commit {weights.commit}",
        f"- digest: {weights.digest}",
        "",
    ]
    return "\n".join(lines)


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"- {name.replace('_', ' ')}: {_said(value)}" for name, value in values.items()]


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
