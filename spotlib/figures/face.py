"""A face strip: one expression at onset, apex and offset, with the nodes and their motion since the onset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes

from spotlib.errors import SpotlibError
from spotlib.figures.canvas import BLACK, ORANGE, PURPLE, SKY, Figure, file_name, new_figure, styled
from spotlib.intervals import Event
from spotlib.rows import KIND_NAMES

# facial regions of the ten nodes (METHOD section 2): colour, marker, name; further nodes come last
_REGIONS = (
    (slice(0, 3), SKY, "o", "brow A"),
    (slice(3, 6), ORANGE, "s", "brow B"),
    (slice(6, 10), PURPLE, "^", "mouth"),
    (slice(10, None), "#F0E442", "D", "further nodes"),
)
TIMES = "\u00d7"  # the multiplication sign
_HALO = [patheffects.withStroke(linewidth=3, foreground=BLACK)]


@styled
def face_strip(
    frames: Sequence[np.ndarray],
    nodes: np.ndarray | Sequence[np.ndarray],
    motion: np.ndarray | Sequence[np.ndarray],
    event: Event,
    *,
    fps: float | None = None,
    title: str = "",
    synthetic: bool | str = False,
    factor: float | None = None,
    name: str = "",
) -> Figure:
    """Onset, apex and offset of one event side by side.

    frames: three images (H, W, 3) RGB or (H, W) grey, uint8, at onset, apex (the middle if not annotated) and
    offset; nodes: (3, V, 2) px, where the nodes are in each of them; motion: (3, V, 2) px of these images,
    from the onset to each frame, head motion removed (the first is drawn if it is not zero). ``factor``
    magnifies the arrows (default: chosen so that the longest is about a sixth of the crop); ``synthetic``:
    True, or the twin's name. Raises SpotlibError if shapes differ.
    """
    nodes, motion = np.asarray(nodes, dtype=np.float64), np.asarray(motion, dtype=np.float64)
    if len(frames) != 3 or nodes.shape != motion.shape or nodes.ndim != 3 or nodes.shape[::2] != (3, 2):
        raise SpotlibError(
            f"face strip: 3 frames, nodes (3, V, 2) and motion (3, V, 2) are needed, not {len(frames)}"
            " frames,"
            f" {nodes.shape} and {motion.shape}"
        )
    box = _crop(nodes, frames[0].shape)
    longest = float(np.linalg.norm(motion, axis=-1).max(initial=0.0))
    factor = factor or _round_factor((box[2] - box[0]) / 6 / longest if longest > 1e-6 else 1.0)
    canvas = new_figure(10, 4.5, synthetic=synthetic)
    middle = event.apex if event.apex is not None else (event.onset + event.offset) // 2
    moments = (
        ("onset", event.onset),
        ("apex" if event.apex is not None else "middle, no apex annotated", middle),
        ("offset", event.offset),
    )
    axes = canvas.subplots(1, 3)
    for ax, frame, at, moved, (what, index) in zip(axes, frames, nodes, motion, moments, strict=True):
        _panel(ax, frame, at, moved * factor, box)
        when = f"{index / fps:.2f} s (frame {index})" if fps else f"frame {index}"
        ax.set_title(f"{what}: {when}", loc="left", fontsize=10)
    _ruler(axes[0], box, factor)
    handles, labels = axes[0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower left", ncols=4)
    head = (
        f"{KIND_NAMES[event.kind]}, "
        + (f"{event.length / fps:.2f} s" if fps else f"{event.length} frames")
        + (f", AU {'+'.join(event.aus)}" if event.aus else "")
    )
    head += f", {event.side} side" if event.side != "both" else ""
    canvas.suptitle(f"{title}: {head}" if title else head, fontsize=11, x=0.01, ha="left")
    caption = (
        f"Nodes and their motion since the onset (head motion removed), arrows magnified"
        f" {TIMES} {factor:g}; the longest is {longest:.2f} px in truth."
    )
    peak = [float(np.linalg.norm(m, axis=-1).max()) for m in motion]
    alt = (
        f"Three crops of a face during a {'macro' if event.kind == 'macro' else 'micro'}-expression ({head})"
        + (f" of {title}" if title else "")
        + f", at onset, apex and offset, with {nodes.shape[1]} nodes on brows and mouth. Longest motion of"
        f" a node since the onset: {peak[1]:.2f} px at the apex, {peak[2]:.2f} px at the offset;"
        f" {_moved_most(motion[1])}"
    )
    return Figure(name or f"strip-{event.kind}-{file_name(title or event.onset)}", canvas, alt, caption)


def _panel(ax: Axes, frame: np.ndarray, nodes: np.ndarray, arrows: np.ndarray, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    extent = (left - 0.5, right - 0.5, bottom - 0.5, top - 0.5)
    ax.imshow(frame[top:bottom, left:right], cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="lanczos")
    for region, colour, marker, text in _REGIONS:
        at, vector = nodes[region], arrows[region]
        if not len(at):
            continue
        if np.linalg.norm(vector, axis=1).max() > 1e-6:
            ax.quiver(
                at[:, 0], at[:, 1], vector[:, 0], vector[:, 1], color=colour, angles="xy",
                scale_units="xy", scale=1, width=0.011, headwidth=4, headlength=4, headaxislength=3.6,
                minlength=0, edgecolor=BLACK, linewidth=0.7, zorder=3,
            )  # fmt: skip
        ax.plot(
            at[:, 0],
            at[:, 1],
            marker,
            color=colour,
            markersize=5.5,
            markeredgecolor=BLACK,
            markeredgewidth=0.9,
            label=text,
            zorder=4,
        )
    ax.set(xlim=(left - 0.5, right - 0.5), ylim=(bottom - 0.5, top - 0.5))
    ax.set_axis_off()


def _crop(nodes: np.ndarray, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """left, top, right, bottom (exclusive) around the nodes of all three frames, inside the image."""
    low, high = nodes.min(axis=(0, 1)), nodes.max(axis=(0, 1))
    height = high[1] - low[1]
    left, right = low[0] - 0.45 * height, high[0] + 0.45 * height
    top, bottom = low[1] - 0.45 * height, high[1] + 0.45 * height
    limits = np.clip([left, top, right, bottom], 0, [shape[1], shape[0]] * 2).round().astype(int)
    if limits[2] - limits[0] < 2 or limits[3] - limits[1] < 2:
        raise SpotlibError("face strip: the nodes lie outside the frames; give both in the same pixels")
    return tuple(int(x) for x in limits)  # type: ignore[return-value]


def _round_factor(wanted: float) -> float:
    steps = np.array([1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100])
    return float(steps[max(0, int(np.searchsorted(steps, wanted, side="right")) - 1)])


def _ruler(ax: Axes, box: tuple[int, int, int, int], factor: float) -> None:
    """How long one pixel of motion is drawn (two, or a half, if that suits the crop better)."""
    width = box[2] - box[0]
    length = next((px for px in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30) if px * factor >= width / 9), 50)
    x, y = box[0] + 0.05 * width, box[3] - 0.06 * (box[3] - box[1])
    ax.plot(
        [x, x + length * factor],
        [y, y],
        color="white",
        linewidth=3,
        path_effects=_HALO,
        solid_capstyle="butt",
    )
    ax.text(
        x,
        y - 0.025 * width,
        f"{length:g} px of motion ({TIMES} {factor:g})",
        color="white",
        fontsize=8.5,
        va="bottom",
        path_effects=_HALO,
    )


def _moved_most(motion: np.ndarray) -> str:
    lengths = {text: np.linalg.norm(motion[region], axis=1) for region, _, _, text in _REGIONS if len(motion[region])}
    most = max(lengths, key=lambda text: float(lengths[text].max()))
    return f"at the apex the {most} moves most." if float(lengths[most].max()) > 1e-6 else "nothing moves."
