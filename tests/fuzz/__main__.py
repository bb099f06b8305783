"""Fuzzing for hours: ``python -m tests.fuzz TARGET RUNS FOLDER`` (``all``: one target after the other).

With ``atheris`` installed (pip install atheris) inputs are chosen by what code they reach; every crash is written into
FOLDER and the run goes on. Without it inputs are changed at random. FOLDER/counts.json has the runs of each target.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

MAX_LENGTH = 2048


def record(folder: Path, name: str, **values: Any) -> None:
    """Add to the counts of one target."""
    path = folder / "counts.json"
    counts = json.loads(path.read_text()) if path.exists() else {}
    of_target = counts.setdefault(name, {"runs": 0, "seconds": 0.0, "refused": 0, "crashes": 0})
    for key, value in values.items():
        of_target[key] = round(of_target[key] + value, 1)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(counts, indent=1))
    part.replace(path)


class Counter:
    """A target that counts its runs, and writes down what it should not have raised."""

    def __init__(self, name: str, folder: Path, run: Any, error: type[Exception]) -> None:
        self.name, self.folder, self._run, self._error = name, folder, run, error
        self.runs = self.refused = self.crashes = 0
        self._seen: set[str] = set()
        self._written = (0, 0, 0)
        self._begin = time.monotonic()

    def __call__(self, data: bytes) -> None:
        self.runs += 1
        try:
            self._run(data)
        except self._error:
            self.refused += 1
        except Exception as crash:
            place = traceback.extract_tb(crash.__traceback__)[-1]
            which = f"{type(crash).__name__} {place.filename}:{place.lineno}"
            if which not in self._seen:
                self._seen.add(which)
                self.crashes += 1
                stem = f"crash-{self.name.replace(' ', '-')}-{hashlib.sha256(which.encode()).hexdigest()[:8]}"
                (self.folder / f"{stem}.bin").write_bytes(data)
                (self.folder / f"{stem}.txt").write_text(traceback.format_exc(), errors="replace")
        if self.runs % 500 == 0:
            self.flush()

    def flush(self) -> None:
        """Write the counts since the last time."""
        now = time.monotonic()
        runs, refused, crashes = self._written
        record(
            self.folder, self.name, runs=self.runs - runs, refused=self.refused - refused,
            crashes=self.crashes - crashes, seconds=now - self._begin,
        )  # fmt: skip
        self._written, self._begin = (self.runs, self.refused, self.crashes), now


def changed(data: bytes, seeds: list[bytes], words: list[str], rng: random.Random) -> bytes:
    """``data`` with a few places changed: bytes, words, pieces of other seeds."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randint(0, len(made))
        what = rng.randrange(6)
        if what == 0 and made:
            made[at % len(made)] = rng.randrange(256)
        elif what == 1:
            made[at:at] = rng.choice(words).encode("utf-8", "surrogatepass")
        elif what == 2:
            del made[at : at + rng.randint(1, 20)]
        elif what == 3:
            made[at:at] = made[at : at + rng.randint(1, 60)]
        elif what == 4:
            other = rng.choice(seeds)
            cut = rng.randint(0, len(other))
            made[at : at + rng.randint(0, 40)] = other[cut : cut + rng.randint(1, 60)]
        else:
            made[at : at + rng.randint(0, 8)] = rng.randbytes(rng.randint(0, 8))
    return bytes(made[:MAX_LENGTH])


def fuzz_blindly(counter: Counter, seeds: list[bytes], words: list[str], *, runs: int, seed: int = 0) -> None:
    """Run a target on changed seeds."""
    rng = random.Random(seed)
    for data in seeds:
        counter(data)
    for _ in range(runs):
        counter(changed(rng.choice(seeds), seeds, words, rng))
    counter.flush()


def one(name: str, runs: int, folder: Path) -> None:
    """Fuzz one target; with atheris this does not return."""
    try:
        import atheris
    except ImportError:
        atheris = None
    if atheris is None:
        from spotlib.errors import SpotlibError
        from tests.fuzz.targets import TARGETS, WORDS
    else:
        with atheris.instrument_imports(include=["spotlib", "csv", "yaml"]):
            from spotlib.errors import SpotlibError
            from tests.fuzz.targets import TARGETS, WORDS
    target = TARGETS[name]
    counter = Counter(name, folder, target.run, SpotlibError)
    corpus = folder / "corpus" / name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = target.seeds()
    for data in seeds:
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    if atheris is None:
        fuzz_blindly(counter, seeds, WORDS, runs=runs, seed=time.time_ns())
        return
    words = folder / "words.txt"
    lines = ["".join(f"\\x{byte:02x}" for byte in word.encode("utf-8", "surrogatepass")) for word in WORDS]
    words.write_text("".join(f'"{line}"\n' for line in lines))
    options = [f"-runs={runs}", f"-max_len={MAX_LENGTH}", f"-dict={words}", "-timeout=60", "-rss_limit_mb=6000"]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", "-verbosity=0", str(corpus)], counter)
    atheris.Fuzz()


def main() -> None:
    """TARGET RUNS FOLDER."""
    name, runs, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    if name != "all":
        one(name, runs, folder)
        return
    from tests.fuzz.targets import TARGETS

    for each in TARGETS:  # a process each: an instrumented one ends without coming back
        done = subprocess.run([sys.executable, "-m", "tests.fuzz", each, str(runs), str(folder)], check=False)
        print(f"{each}: ended with {done.returncode}", flush=True)


if __name__ == "__main__":
    main()
