"""``python -m spotlib.bench``: the bench on a machine that has numpy, scipy and torch only, such as a lent GPU."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from spotlib.bench.parts import PARTS, Options, as_text, bench
from spotlib.errors import SpotlibError


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure parts of spotlib and write the numbers after each of them; ``spotlib bench`` does the same."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.bench", description=main.__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: model train)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write; what it holds already stays")
    parser.add_argument("--quick", action="store_true", help="small sizes, few repeats: does it work?")
    parser.add_argument("--device", default="cpu", help="of the network: cpu (default) or cuda")
    parser.add_argument("--threads", type=int, help="of the network on a CPU (default: one per core)")
    parser.add_argument("--report", action="store_true", help="end-to-end: also the time of the demo's report")
    parser.add_argument("--only", default="", help="measurements whose names begin so, separated by ;")
    parser.add_argument("--speeds", default="", help="ways to train on a GPU, separated by ; (default: all)")
    parser.add_argument("--loso-folds", type=int, default=4, help="folds of the 30 (default 4; 0: all)")
    parser.add_argument(
        "--loso-epochs", type=int, default=6, help="epochs of the 100 (default 6); less is extrapolated"
    )
    said = parser.parse_args(arguments)
    options = Options(
        quick=said.quick, device=said.device, threads=said.threads, report=said.report, only=_split(said.only),
        speeds=_split(said.speeds), loso_folds=said.loso_folds, loso_epochs=said.loso_epochs,
    )  # fmt: skip
    try:
        results, failed = bench(
            said.parts or ("model", "train"), options, path=said.json, tell=lambda line: print(line, flush=True)
        )
    except SpotlibError as error:
        sys.exit(f"spotlib: {error}")
    if said.json is None:
        print(as_text(results))
    if failed:
        sys.exit(f"spotlib: {len(failed)} measurement(s) failed, the first: {failed[0]}")


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


if __name__ == "__main__":
    main()
