"""Parameters of a run: one flat, validated list of names (STYLE: parameters and reports).

Flat, because Papermill passes names, merges nested values only shallowly, and because ``-p lr 2e-4`` should work.
Sections exist as base classes: each stage is digested with the names of its own sections only, so that changing a
loss weight never recomputes features.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spotlib.errors import SpotlibError, one_line
from spotlib.limits import read_bytes

MAX_BYTES = 2**18  # of a parameter file; the longest that is shipped has 3 kB
DEEPEST = 8  # lists in lists; a study's grid needs three


class _Section(BaseModel):
    # strict about names; lenient about text that spells a number, since YAML 1.1 reads `1e-3` as text
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def _none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() == "none" else value


def _name(value: str) -> str:
    # it becomes the name of a folder of results
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}", value):
        raise ValueError("a data set's name is of letters, digits, '-' and '_'")
    return value


Name = Annotated[str, AfterValidator(_name)]
Longest = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_none)]


class DataParams(_Section):
    """What is looked at: a data set or its twin (TWIN.md), and what counts as its truth (METHOD section 7)."""

    dataset: Name = Field("demo", description="name of the data set; 'demo' is the embedded synthetic twin")
    subjects: int | None = Field(None, ge=4, le=500, description="people, the first n; none: all there are")
    videos_per_subject: int | None = Field(
        None, ge=1, le=50, description="twin: videos of each person; none: as in the real data set"
    )
    video_seconds: float | None = Field(
        None, ge=4, le=7200, description="twin: length of each video; none: as in the real data set"
    )
    data_seed: int = Field(
        270, ge=0, le=2**32 - 1, description="twin: everything about the people and their videos follows from it"
    )
    head_rotation: float | None = Field(
        None, ge=0, le=15, description="twin: head sway and turns, degrees (1.5); a knob of difficulty"
    )
    talking: float | None = Field(
        None, ge=0, le=0.6, description="twin: share of the time spent talking (.08); a knob of difficulty"
    )
    motion_size: float | None = Field(
        None, gt=0, le=2.5, description="twin: all expressions so many times their size (1); a knob of difficulty"
    )
    noise: float | None = Field(
        None, ge=0, le=20, description="twin: sensor noise, grey levels (1.7); a knob of difficulty"
    )
    part: Literal["A", "C"] = Field("A", description="CAS(ME)^3: part A, or C (micro-expressions of a mock crime)")
    sampling: Literal["every_7th_round", "every_8th_floor"] = Field(
        "every_7th_round", description="SAMM-LV: which of its 200 pictures per second are used [C]"
    )
    unknown_onset: Literal["keep", "drop", "first_frame"] = Field(
        "keep", description="SAMM-LV: events that began before the video"
    )
    unknown_apex: Literal["midpoint", "drop"] = Field("midpoint", description="SAMM-LV: events without an apex")
    missing_offset: Literal["onset_plus_20", "apex", "apex_plus_20", "drop", "keep_zero"] = Field(
        "onset_plus_20", description="CAS(ME)^2: macro-expressions without an offset; F1s are not comparable across it"
    )
    max_micro: Longest = Field(15, description="CAS(ME)^3: longest offset - onset of a micro-expression kept")
    max_macro: Longest = Field(120, description="CAS(ME)^3: longest offset - onset of a macro-expression kept")


class FeatureParams(_Section):
    """Tracked faces and pair motions (METHOD section 2); everything that costs time per frame."""

    extractor: Literal["lk", "farneback"] = Field(
        "lk", description="lk: fast sparse tracker; farneback: the reference recipe"
    )
    crop: Literal["cas", "samm"] = Field("cas", description="margins and side of the aligned face: 256 px, or 320 px")
    max_gap: int = Field(16, ge=2, le=64, description="longest motion computed, frames; a window of K needs K - 1")
    detect_every: int = Field(8, ge=1, le=64, description="frames between two runs of the face detector")


class WindowParams(_Section):
    """How windows are gathered from pair motions (METHOD section 2, tables T4, T5, T8)."""

    window: int = Field(17, ge=3, le=65, description="K, frames in a window")
    window_alignment: Literal["centred", "causal"] = Field(
        "centred", description="where frame i sits in its window [I]"
    )
    window_border: Literal["clamp", "zero"] = Field("clamp", description="frames past the ends of the video [I]")
    keep_zero_row: bool = Field(True, description="keep row 0 (always zero): T = K; the released SAMM features drop it")
    motion: Literal["swmro", "adjacent", "fixed_gap"] = Field("swmro", description="motion feature (T5)")
    head_motion: Literal["nose", "none", "robust"] = Field(
        "nose", description="how head motion is removed; nose: the paper's"
    )
    nodes: Annotated[Literal["10", "nose", "eyelids", "all"], BeforeValidator(str)] = Field(
        "10", description="graph layout (T8)"
    )


class ModelParams(_Section):
    """The network (METHOD section 3)."""

    system: Literal["spotformer", "spotformer_gim", "spotgcn", "auwgcn", "peaks"] = Field(
        "spotformer", description="who spots"
    )
    dim: int = Field(256, ge=8, le=1024, description="D, channels")
    heads: int = Field(4, ge=1, le=16, description="attention heads")
    head_dim: int = Field(64, ge=4, le=128, description="width of one head; inner width = heads x head_dim")
    dropout: float = Field(0.1, ge=0, lt=1)
    attention: Literal["space-then-time", "time-then-space", "joint", "parallel"] = "space-then-time"
    flgp: Literal["max", "mean", "none"] = Field(
        "max", description="facial local graph pooling; none: global max at the end"
    )
    scales: Literal["multi", "single"] = Field("multi", description="single: all blocks at full resolution (T6)")
    downsample: Literal["conv", "max", "mean"] = Field("conv", description="temporal downsampling (T6)")
    paddings: Literal["paper", "gim"] = Field("paper", description="of the four temporal downsamplings (T6)")
    spatial_position: bool = Field(True, description="tell the network which region a node belongs to (T6)")
    temporal_position: bool = Field(True, description="tell the network the order of frames (T6)")
    graph_mask: bool = Field(False, description="attention sees only neighbours in the facial graph (T6)")


class TrainParams(_Section):
    """Labels, sampling, losses, optimiser (METHOD section 4)."""

    epochs: int = Field(100, ge=1, le=10_000)
    steps_per_epoch: int | None = Field(None, ge=1, description="None: every segment once; a number: a budget in steps")
    segments_per_batch: int = Field(32, ge=1, le=1024, description="16-frame segments in a batch (32 = 512 windows)")
    lr: float = Field(2e-4, gt=0, le=1)
    lr_decay: float = Field(0.96, gt=0, le=1, description="factor on lr after each epoch")
    weight_decay: float = Field(0.1, ge=0, le=10, description="on Linear and Conv weights only")
    macro_weight: float = Field(0.5, ge=0, le=10, description="w, weight of the MaE losses (.55 on SAMM-LV)")
    contrastive_weight: float = Field(0.005, ge=0, le=10)
    temperature: float = Field(0.5, gt=0, le=10, description="of the contrastive loss")
    normalise: bool = Field(False, description="scale features of the contrastive loss to length 1 (T7)")
    neutral_segments: bool = Field(False, description="also train on segments without any expression (T13)")
    evaluate_every: int = Field(1, ge=1, description="epochs between two evaluations on the inner subjects")
    seed: int = Field(270, ge=0, le=2**32 - 1)


class EvalParams(_Section):
    """Folds, selection, spotting and evaluation (METHOD sections 5 and 6)."""

    folds: int = Field(0, ge=0, le=500, description="subject-wise folds; 0: leave one subject out")
    inner_share: float = Field(0.25, gt=0, lt=1, description="share of the training subjects kept for choices (clean)")
    candidate_epochs: int = Field(6, ge=1, le=100, description="last epochs among which the author protocol chooses")
    apex_threshold: float = Field(0.5, ge=0, le=1, description="candidates: frames with a higher apex score")
    nms_iou: float = Field(0.5, ge=0, le=1)
    max_per_video: int = Field(5, ge=1, description="author protocol: events kept per video and kind")
    max_per_minute: float = Field(15.0, gt=0, description="clean protocol: events kept per minute and kind")
    iou: float = Field(0.5, gt=0, le=1, description="a hit needs at least this IoU")
    bootstrap: int = Field(2000, ge=100, le=1_000_000, description="draws of subjects for the intervals")


class Params(DataParams, FeatureParams, WindowParams, ModelParams, TrainParams, EvalParams):
    """Everything a result depends on. How it is computed (workers, folders) is not in here."""

    def section(self, *sections: type[_Section]) -> dict[str, Any]:
        """Names and values of some sections, for digests."""
        names = {name for section in sections for name in section.model_fields}
        return {name: value for name, value in self.model_dump(mode="json").items() if name in names}

    def digested(self) -> dict[str, Any]:
        """All values that a fold row depends on, as plain JSON."""
        return self.model_dump(mode="json")

    def replace(self, **changes: Any) -> Params:
        """A validated copy with some values changed."""
        return make_params({**self.model_dump(), **changes})


def make_params(values: dict[str, Any], *, where: str = "parameters") -> Params:
    """Validate ``values`` and return :class:`Params`; ``where`` names their source in error messages.

    Raises SpotlibError, in one line, for an unknown name (with the nearest known one) and for a wrong value.
    """
    unknown = [name for name in values if name not in Params.model_fields]
    if unknown:
        raise SpotlibError(f"{where}: unknown parameter {unknown[0]!r}{_nearest(unknown[0])}")
    for name, value in values.items():
        annotation = Params.model_fields[name].annotation
        if isinstance(value, bool) and annotation is not bool:
            raise SpotlibError(
                f"{where}: {name} is {str(value).lower()}, expected {_expected(name)};"
                " YAML reads unquoted yes, no, on and off as true or false: quote the value"
            )
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "value"
        message = first["msg"].removeprefix("Value error, ")
        given = one_line(repr(first["input"]), longest=200)
        raise SpotlibError(f"{where}: {name} is {given}: {message[0].lower() + message[1:]}") from None
    if params.window_alignment == "centred" and params.window % 2 == 0:
        raise SpotlibError(f"{where}: window is {params.window}, but a centred window needs an odd number of frames")
    if params.system == "spotgcn" and (params.window != 17 or not params.keep_zero_row):
        raise SpotlibError(f"{where}: SpoT-GCN takes windows of 17 rows; set window to 17 and keep_zero_row to true")
    if params.max_gap < params.window - 1:
        raise SpotlibError(
            f"{where}: window is {params.window}, which needs max_gap of at least {params.window - 1},"
            f" not {params.max_gap}"
        )
    return params


def _expected(name: str) -> str:
    annotation = Params.model_fields[name].annotation
    return getattr(annotation, "__name__", str(annotation).replace("typing.", ""))


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(str(name), Params.model_fields, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else "; `spotlib params` lists the known ones"


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars: `1e-3` is a number, `no` and `on` are words, only true/false are booleans."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp)
        for tag, regexp in resolvers
        if tag.removeprefix("tag:yaml.org,2002:") not in ("bool", "float", "int", "timestamp", "merge")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
# PyYAML tries resolvers in order of registration: integers must stay integers
for _first, _resolvers in _Loader.yaml_implicit_resolvers.items():
    _resolvers.sort(key=lambda pair: pair[0] == "tag:yaml.org,2002:float")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a parameter file: a YAML mapping of flat names.

    Raises SpotlibError if the file is missing, not YAML, not a mapping, or has a name twice.
    """
    try:
        text = read_bytes(path, MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such parameter file; the shipped ones are in params/") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpotlibError(f"{path}: cannot be read as text ({error.__class__.__name__}); give a YAML file") from None
    except ValueError as error:
        raise SpotlibError(f"{path}: {error}; this is no parameter file") from None
    try:
        _check_plain(text, str(path))
        node = yaml.compose(text, Loader=_Loader)
        values = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise SpotlibError(f"{path}{line}: not valid YAML; write one `name: value` per line") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise SpotlibError(
            f"{path}: expected `name: value` lines, found a {type(values).__name__}; see params/demo.yaml"
        )
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise SpotlibError(f"{path}, line {key.start_mark.line + 1}: {key.value!r} is given twice; keep one")
        seen.add(key.value)
    return values


def _check_plain(text: str, where: str) -> None:
    """SpotlibError for what parameters do not need and what makes a small file large or strange.

    That is: references (a few lines of them mean gigabytes), types by name, lists in lists in lists.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        at = f"{where}, line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise SpotlibError(f"{at}: a reference (*{event.anchor}); write the value out")
        tag = getattr(event, "tag", None)
        if tag and not (isinstance(event, yaml.ScalarEvent) and tag in ("!", "tag:yaml.org,2002:str")):
            raise SpotlibError(f"{at}: a type by name ({tag}); write the value alone")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise SpotlibError(f"{at}: lists or mappings more than {DEEPEST} deep; write `name: value` lines")


def parse_override(text: str) -> tuple[str, Any]:
    """Turn ``name=value`` of the command line into a pair; the value is read as YAML."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SpotlibError(f"-p {text!r}: expected name=value")
    try:
        _check_plain(value, f"-p {name.strip()}")
        return name.strip(), yaml.load(value, Loader=_Loader) if value.strip() else ""
    except (yaml.YAMLError, ValueError):
        return name.strip(), value
