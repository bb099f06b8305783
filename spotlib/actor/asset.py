"""The packed CC0 head: mesh, face units, identity targets, and the flat chart in which skin is painted.

Coordinates are MakeHuman's: decimetres, x to the person's left (image-right), y up, z towards the camera.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np

from spotlib.errors import SpotlibError

ASSET = "head.npz"
ASSET_SHA256 = "51ab51635ac1409af12e5b58a09884b43b89479cc9ab6222e8239d98aedda6f9"
PARTS = (
    "skin",
    "eye-left",
    "eye-right",
    "teeth-upper",
    "teeth-lower",
    "tongue",
    "lash-left",
    "lash-right",
    "hair",
)
MASKS = ("lips", "eyelids", "ears", "face", "inside-mouth")
STEP = 0.001  # decimetres per stored delta
# The chart: a cylinder whose axis lies far behind the face, so that the front is seen at nearly even density.
CHART_AXIS_Z = -1.5  # decimetres
CHART_RADIUS = 2.9  # decimetres from the axis to the face
CHART_LEFT, CHART_RIGHT = -1.75, 1.75  # decimetres along the chart
CHART_TOP, CHART_BOTTOM = 8.7, 5.5  # decimetres of height


@dataclass(frozen=True)
class Head:
    """The head asset, decoded.

    Attributes
    ----------
    vertices : (n, 3) float32, decimetres
    triangles : (m, 3) int32, counter-clockwise seen from outside
    parts : (m,) uint8, index into PARTS; "left" and "right" are the picture's
    vertex_parts : (n,) uint8, the same per vertex
    masks : (5, n) float32 in [0, 1], in the order of MASKS
    mirror : (n,) int32, the vertex on the other side of the face
    chart : (n, 2) float32, decimetres from the chart's top left corner (see `chart_of`)
    unit_names : the 52 ARKit names, sorted
    units : (52, n, 3) float32, displacement at weight 1; eyeballs are left to the gaze and do not take part
    target_names : identity targets of MakeHuman
    """

    vertices: np.ndarray
    triangles: np.ndarray
    parts: np.ndarray
    vertex_parts: np.ndarray
    masks: np.ndarray
    mirror: np.ndarray
    chart: np.ndarray
    unit_names: tuple[str, ...]
    units: np.ndarray
    target_names: tuple[str, ...]
    target_offsets: np.ndarray
    target_indices: np.ndarray
    target_deltas: np.ndarray
    source_number: np.ndarray

    def unit(self, name: str) -> int:
        """Index of a face unit; raises SpotlibError for an unknown name."""
        if name not in self.unit_names:
            raise SpotlibError(f"unknown face unit {name!r}; see load_head().unit_names")
        return self.unit_names.index(name)

    def shape(self, weights: Mapping[str, float]) -> np.ndarray:
        """Vertices (n, 3) float64 of the base mesh plus weighted identity targets."""
        out = self.vertices.astype(np.float64)
        for name, weight in weights.items():
            if name not in self._target_number:
                raise SpotlibError(f"unknown identity target {name!r}; see load_head().target_names")
            k = self._target_number[name]
            span = slice(self.target_offsets[k], self.target_offsets[k + 1])
            out[self.target_indices[span]] += weight * self.target_deltas[:, span].T
        return out

    @functools.cached_property
    def _target_number(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.target_names)}


def chart_of(points: np.ndarray) -> np.ndarray:
    """Chart position (n, 2), decimetres around the axis and down from the top, of base mesh points (n, 3)."""
    angle = np.arctan2(points[:, 0], np.maximum(points[:, 2] - CHART_AXIS_Z, 0.05))
    across = np.clip(angle * CHART_RADIUS, CHART_LEFT, CHART_RIGHT) - CHART_LEFT
    down = np.clip(CHART_TOP - points[:, 1], 0.0, CHART_TOP - CHART_BOTTOM)
    return np.stack([across, down], axis=1).astype(np.float32)


def eyeball(vertices: np.ndarray, head: Head, name: str) -> tuple[np.ndarray, float]:
    """Centre (3,) and radius of an eyeball, in the units of `vertices`."""
    own = vertices[head.vertex_parts == PARTS.index(name)]
    low, high = own.min(axis=0), own.max(axis=0)
    radius = float(high[0] - low[0] + high[1] - low[1]) / 4
    centre = (low + high) / 2
    centre[2] = low[2] + radius  # the cornea bulges forward, so the middle of the box is not the centre
    return centre, radius


@functools.cache
def load_head() -> Head:
    """Decode the packed head (once per process).

    Raises SpotlibError when the asset is missing or its bytes are not the committed ones.
    """
    path = resources.files("spotlib.actor") / "assets" / ASSET
    if not path.is_file():
        raise SpotlibError(f"the head asset {ASSET} is missing from the package; reinstall spotlib")
    with path.open("rb") as stream:
        digest = hashlib.sha256(stream.read()).hexdigest()
        if digest != ASSET_SHA256:
            raise SpotlibError(f"the head asset {ASSET} is damaged (sha256 {digest[:12]}); reinstall spotlib")
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as archive:
            raw = {name: archive[name] for name in archive.files}
    vertices, triangles = raw["vertices"], raw["triangles"].astype(np.int32)
    vertex_parts = np.zeros(len(vertices), dtype=np.uint8)
    vertex_parts[triangles.ravel()] = np.repeat(raw["parts"], 3)
    units = np.zeros((len(raw["unit_names"]), len(vertices), 3), dtype=np.float32)
    for k in range(len(units)):
        span = slice(raw["unit_offsets"][k], raw["unit_offsets"][k + 1])
        units[k, raw["unit_indices"][span]] = raw["unit_deltas"][:, span].T * np.float32(STEP)
    units[:, (vertex_parts == PARTS.index("eye-left")) | (vertex_parts == PARTS.index("eye-right"))] = 0.0
    head = Head(
        vertices=vertices,
        triangles=triangles,
        parts=raw["parts"],
        vertex_parts=vertex_parts,
        masks=raw["masks"].astype(np.float32) / np.float32(255),
        mirror=raw["mirror"],
        chart=chart_of(vertices),
        unit_names=tuple(str(name) for name in raw["unit_names"]),
        units=units,
        target_names=tuple(str(name) for name in raw["target_names"]),
        target_offsets=raw["target_offsets"],
        target_indices=raw["target_indices"].astype(np.int64),
        target_deltas=raw["target_deltas"].astype(np.float32) * np.float32(STEP),
        source_number=raw["source_number"],
    )
    for value in vars(head).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return head
