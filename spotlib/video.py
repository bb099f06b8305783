"""Video files and folders of images, one frame at a time, with true timestamps.

Memory does not grow with the length: a file is read twice, first its packet headers only (timestamps, number of
frames, damage), then its frames. What is wrong with a file is said before the first frame is decoded wherever that
is possible.
"""

from __future__ import annotations

import contextlib
import functools
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from spotlib.datasets.pictures import too_large
from spotlib.errors import SpotlibError
from spotlib.limits import MAX_HOURS, MAX_PICTURE, MAX_PIXELS
from spotlib.progress import log

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
FOLDER_FPS = 30.0
#: share of the frames a container promises that must be there; edit lists may drop a few
COMPLETE = 0.95
#: a frame is off the beat if its duration differs from the median by more than this share of it ...
BEAT_TOLERANCE = 0.10
#: ... and a video has a variable frame rate if more than this share of its frames are
OFF_BEAT_SHARE = 0.01
#: three days at 30 frames per second; a file that promises more is damaged, or was made to keep a machine busy
MAX_FRAMES = 10_000_000
#: s without a new picture; two pictures days apart would be held, and looked at, for all of that time
MAX_STILL = 600
#: kinds of files that are opened. The library knows others that are lists of further files and network addresses
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,asf,flv,live_flv,ogg,gif,apng,mjpeg,h264,hevc,obu,"
    "av1,ivf,m4v,dv,mxf,nut,rm,yuv4mpegpipe,vc1,wav,w64,mp3,flac,aac,aiff,amr,caf"
)

Format = Literal["rgb", "grey"]


class VideoSource(Protocol):
    """A readable video. ``size`` is (height, width) as shown, that is after rotation."""

    path: Path
    n_frames: int
    fps: float
    size: tuple[int, int]

    def frames(self, *, format: Format = "rgb") -> Iterator[tuple[int, float, np.ndarray]]:
        """Yield (index, seconds, frame); frames are uint8, (H, W, 3) RGB or (H, W) grey."""
        ...


def open_video(path: str | Path, *, fps: float | None = None) -> VideoSource:
    """Open a video file (mp4, avi, mkv, mov, ...) or a folder of images in natural order.

    With ``fps`` a file of another or a variable frame rate is resampled to the nearest timestamps, and a folder's
    images are taken as ``fps`` per second (default 30).

    Raises SpotlibError, one line, if there is no such file, it is empty, holds no video, is damaged or cut off, or
    has a variable frame rate and ``fps`` is not given.
    """
    path = Path(path)
    if fps is not None and not 1 <= fps <= 1000:
        raise SpotlibError(f"{path}: fps is {fps:g}; give a number from 1 to 1000")
    if path.is_dir():
        return ImageFolder(path, fps=fps)
    if not path.exists():
        raise SpotlibError(f"{path}: no such file or folder; check the name")
    if path.stat().st_size == 0:
        raise SpotlibError(f"{path}: the file is empty; copy or export it again")
    return VideoFile(path, fps=fps)


def natural_key(name: str) -> tuple[Any, ...]:
    """Sort key under which img2 comes before img10.

    >>> sorted(["img10.jpg", "img2.jpg"], key=natural_key)
    ['img2.jpg', 'img10.jpg']
    >>> sorted(["a1b2", "a1b", "A1b"], key=natural_key)
    ['A1b', 'a1b', 'a1b2']
    """
    parts = re.split(r"(\d+)", name)
    return tuple((int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in parts), name


class ImageFolder:
    """A folder of equally sized images, taken as frames 0, 1, 2, ... in natural order of their names."""

    def __init__(self, path: Path, *, fps: float | None = None) -> None:
        files = sorted((f for f in path.iterdir() if f.is_file()), key=lambda f: natural_key(f.name))
        self.files = [f for f in files if f.suffix.lower() in IMAGE_SUFFIXES and not f.name.startswith(".")]
        if not self.files:
            raise SpotlibError(
                f"{path}: no images in this folder; it should hold {', '.join(IMAGE_SUFFIXES[:4])} or .tif files"
            )
        if len(self.files) < len(files):
            stray = [f.name for f in files if f not in set(self.files)]
            log.info("%s: ignoring %d files that are no images (%s)", path, len(stray), ", ".join(stray[:3]))
        self.path = path
        self.n_frames = len(self.files)
        self.fps = float(fps or FOLDER_FPS)
        height, width = read_image(self.files[0], "grey").shape
        self.size = (height, width)

    def frames(self, *, format: Format = "rgb") -> Iterator[tuple[int, float, np.ndarray]]:
        """Yield (index, seconds, frame); SpotlibError names the first image that is damaged or of another size."""
        for index, file in enumerate(self.files):
            image = read_image(file, format)
            if image.shape[:2] != self.size:
                raise SpotlibError(
                    f"{file}: {image.shape[1]}x{image.shape[0]} px, but {self.files[0].name} is"
                    f" {self.size[1]}x{self.size[0]}; all images of a folder must have one size"
                )
            yield index, index / self.fps, image


def read_image(file: Path, format: Format) -> np.ndarray:
    import cv2

    flag = cv2.IMREAD_GRAYSCALE if format == "grey" else cv2.IMREAD_COLOR_RGB
    if file.stat().st_size > MAX_PICTURE:
        raise SpotlibError(f"{file}: larger than {MAX_PICTURE >> 20} MiB; replace or remove it")
    data = file.read_bytes()
    problem = too_large(data)
    if problem:
        raise SpotlibError(f"{file}: not a readable image; replace or remove it ({problem})")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        image = None
    if image is None:
        raise SpotlibError(f"{file}: not a readable image; replace or remove it")
    return image


@dataclass(frozen=True)
class _Beat:
    """What the packet headers tell: seconds of every shown frame (sorted), and their regular rate."""

    seconds: np.ndarray  # (T,) float64, from 0
    fps: float
    off_beat: float  # share of the frames with an irregular duration
    range_fps: tuple[float, float]


class VideoFile:
    """A file read by PyAV: first video stream, display rotation applied, timestamps of the container."""

    def __init__(self, path: Path, *, fps: float | None = None) -> None:
        self.path = path
        beat, rotated_size = self._scan()
        self.size = rotated_size
        self.fps = beat.fps
        self.n_frames = len(beat.seconds)
        self._n_coded = len(beat.seconds)
        self._resample = False
        variable = beat.off_beat > OFF_BEAT_SHARE
        if fps is None and variable:
            low, high = beat.range_fps
            raise SpotlibError(
                f"{path}: variable frame rate ({low:.3g} to {high:.3g} frames/s);"
                " pass fps=30 (command line: --fps 30) to resample it"
            )
        if fps is not None and (variable or abs(fps / beat.fps - 1) > 0.005):
            duration = beat.seconds[-1] + 1 / beat.fps
            if duration * fps > MAX_FRAMES:
                raise SpotlibError(f"{path}: {duration / 3600:.1f} hours at {fps:g} frames/s are too much; cut it")
            self._resample = True
            self.fps = float(fps)
            self.n_frames = max(1, round(duration * fps))
            log.info(
                "%s: resampled from %d frames at %s%.5g to %d frames at %g frames/s (nearest timestamps)",
                path, self._n_coded, "variable " if variable else "", beat.fps, self.n_frames, fps,
            )  # fmt: skip

    def frames(self, *, format: Format = "rgb") -> Iterator[tuple[int, float, np.ndarray]]:
        """Yield (index, seconds, frame); SpotlibError if a frame cannot be decoded."""
        decoded = self._decode(format)
        return self._nearest(decoded) if self._resample else decoded

    def _nearest(self, decoded: Iterator[tuple[int, float, np.ndarray]]) -> Iterator[tuple[int, float, np.ndarray]]:
        """For each instant k / fps, the frame whose timestamp is nearest (the earlier one of two)."""
        before = next(decoded)
        after = next(decoded, None)
        for k in range(self.n_frames):
            instant = k / self.fps
            while after is not None and after[1] - instant < instant - before[1]:
                before, after = after, next(decoded, None)
            yield k, instant, before[2]

    def _scan(self) -> tuple[_Beat, tuple[int, int]]:
        """Read the packet headers, and one frame for its size."""
        import av

        with open_container(self.path) as container:
            stream = video_stream(self.path, container)
            promised = stream.frames
            tick = float(stream.time_base or Fraction(1, 1000))
            # in a cut AVI file the duration is a guess, but its ticks are frames and their number is in the header
            promised_s = max(stream.duration or 0, promised if container.format.name == "avi" else 0) * tick
            if not promised_s and container.duration and len(container.streams) == 1:
                promised_s = container.duration / av.time_base
            stamps = array("q")
            n_packets = 0
            try:
                for packet in container.demux(stream):
                    stamp = packet.pts if packet.pts is not None else packet.dts
                    if packet.size and not packet.is_corrupt:
                        n_packets += 1
                        if stamp is not None and not packet.is_discard:
                            stamps.append(stamp)
                        if n_packets > MAX_FRAMES:
                            raise SpotlibError(f"{self.path}: more than {MAX_FRAMES:,} frames; cut it into parts")
            except av.error.FFmpegError as error:
                raise _damaged(self.path, f"unreadable after {n_packets} frames", error) from None
        if n_packets == 0:
            raise SpotlibError(f"{self.path}: no frames in the video stream; export the video again")
        beat = _beat(np.sort(np.asarray(stamps, np.float64)) * tick, n_packets, tick, self._rate())
        if beat.seconds[-1] > 3600 * MAX_HOURS:
            hours = beat.seconds[-1] / 3600
            raise SpotlibError(f"{self.path}: {hours:.0f} hours long by its timestamps; at most {MAX_HOURS} are read")
        still = float(np.diff(beat.seconds).max(initial=0))
        if still > MAX_STILL:
            raise SpotlibError(f"{self.path}: no picture for {still / 60:.0f} minutes; cut it there, or export anew")
        reached = beat.seconds[-1] + 2 / beat.fps
        if reached < COMPLETE * promised_s - 0.1:  # some writers make the last frame longer
            raise _damaged(self.path, f"{beat.seconds[-1]:.1f} of {promised_s:.1f} s are there")
        # where the duration is known, fewer frames than promised are no damage: AVI counts dropped frames too
        if promised and not promised_s and n_packets < COMPLETE * promised:
            raise _damaged(self.path, f"{n_packets} of {promised} frames are there")
        for frame in self._raw_frames():
            height, width = frame.height, frame.width
            return beat, (width, height) if quarter_turns(frame) % 2 else (height, width)
        raise SpotlibError(f"{self.path}: no frames in the video stream; export the video again")

    def _rate(self) -> float:
        with open_container(self.path) as container:
            rate = video_stream(self.path, container).average_rate
        return float(rate) if rate else FOLDER_FPS

    def _raw_frames(self) -> Iterator[Any]:
        """Decoded PyAV frames in presentation order."""
        import av

        done = 0
        with decoding(self.path) as (container, stream):
            size: tuple[int, int] | None = None
            try:
                for frame in container.decode(stream):
                    if frame.is_corrupt:
                        raise _damaged(self.path, f"frame {done} cannot be decoded")
                    size = size or (frame.width, frame.height)
                    if size != (frame.width, frame.height):
                        raise SpotlibError(
                            f"{self.path}: {frame.width}x{frame.height} px from frame {done} on, {size[0]}x{size[1]}"
                            " before; export the video again at one size"
                        )
                    yield frame
                    done += 1
            except av.error.FFmpegError as error:
                raise _damaged(self.path, f"frame {done} cannot be decoded", error) from None

    def _decode(self, format: Format) -> Iterator[tuple[int, float, np.ndarray]]:
        start: float | None = None
        index = -1
        for index, frame in enumerate(self._raw_frames()):
            seconds = frame.time if frame.time is not None else index / self.fps
            start = seconds if start is None else start
            image = _grey(frame) if format == "grey" else frame.to_ndarray(format="rgb24")
            turns = quarter_turns(frame)
            if turns:
                image = np.ascontiguousarray(np.rot90(image, turns))
            yield index, seconds - start, image
        if index + 1 < COMPLETE * self._n_coded:
            raise _damaged(self.path, f"only {index + 1} of {self._n_coded} frames could be decoded")


#: pixel formats whose first plane is the brightness, 8 bits a pixel
_LUMA_FIRST = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12")

#: colour matrices whose brightness is that of a grey picture: not named (2) and ITU-R BT.601 (5, 6)
_OLD_COLOURS = (2, 5, 6)


def _grey(frame: Any) -> np.ndarray:
    """(H, W) uint8 brightness of a PyAV frame, as its ``to_ndarray(format="gray")`` gives, in a quarter of the time."""
    import cv2

    if frame.format.name not in _LUMA_FIRST or frame.colorspace not in _OLD_COLOURS:
        return frame.to_ndarray(format="gray")  # of new colours the library works out the brightness anew
    luma = frame.planes[0]
    pixels = np.frombuffer(luma, np.uint8).reshape(-1, luma.line_size)[: frame.height, : frame.width]
    return cv2.LUT(pixels, _levels(frame.format.name, int(frame.color_range), int(frame.colorspace)))


@functools.cache
def _levels(name: str, color_range: int, colorspace: int) -> np.ndarray:
    """What the library's own conversion to grey makes of the 256 values of a brightness plane, (256,) uint8."""
    import av

    ramp = av.VideoFrame(256, 16, name)
    ramp.color_range, ramp.colorspace = color_range, colorspace
    for number, plane in enumerate(ramp.planes):
        rows = np.full((plane.buffer_size // plane.line_size, plane.line_size), 128, np.uint8)
        if number == 0:
            rows[:, :256] = np.arange(256)
        plane.update(rows.tobytes())
    return ramp.to_ndarray(format="gray")[0].copy()


def open_container(path: Path) -> Any:
    import av

    try:
        # "file:": a name such as "concat:a" or "x%03d.jpg" is a name; nothing but this one file is opened
        options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
        return av.open(f"file:{path}", options=options)
    except av.error.FFmpegError as error:
        raise _damaged(path, "not a video file, or damaged", error) from None
    except PermissionError:
        raise SpotlibError(f"{path}: no permission to read it; change its permissions") from None


def video_stream(path: Path, container: Any) -> Any:
    import av

    # the cover picture of a music file counts as a video stream, but is none
    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams if stream.type != "video"})
        raise SpotlibError(f"{path}: no video stream (only {', '.join(kinds) or 'nothing'}); give a file with pictures")
    return streams[0]


def _damaged(path: Path, what: str, error: Exception | None = None) -> SpotlibError:
    cause = getattr(error, "strerror", None)
    detail = f" ({cause})" if cause else ""
    return SpotlibError(f"{path}: {what}{detail}; the file is cut off or damaged, copy or export it again")


def _beat(seconds: np.ndarray, n_packets: int, tick: float, rate: float) -> _Beat:
    """Regular rate and share of irregular frames; a stream without timestamps gets ``rate``."""
    if len(seconds) < 2:
        seconds = np.arange(max(n_packets, 1)) / rate
        return _Beat(seconds, rate, 0.0, (rate, rate))
    steps = np.diff(seconds)
    median = float(np.median(steps))
    # timestamps are whole ticks: in Matroska (1 ms) the frames of 240/s last 4 or 5 ms, which is no irregularity
    off = np.abs(steps - median) > max(BEAT_TOLERANCE * median, 1.01 * tick)
    regular = steps if off.mean() > OFF_BEAT_SHARE else steps[~off]
    fps = 1 / float(regular.mean()) if regular.mean() > 0 else rate
    shortest, longest = float(steps[steps > 0].min(initial=median)), float(steps.max())
    return _Beat(seconds - seconds[0], fps, float(off.mean()), (1 / max(longest, 1e-6), 1 / max(shortest, 1e-6)))


@contextlib.contextmanager
def decoding(path: Path) -> Iterator[tuple[Any, Any]]:
    """An open container and its video stream, ready to decode whole frames on all cores, none larger than allowed."""
    with open_container(path) as container:
        stream = video_stream(path, container)
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        yield container, stream


def quarter_turns(frame: Any) -> int:
    """Counter-clockwise quarter turns that show the frame upright (display matrix of phone videos)."""
    return round(getattr(frame, "rotation", 0) / 90) % 4


def upright(frame: Any) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a PyAV frame as it is shown."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns(frame)))
