"""``python -m tests.compiled``: what numba compiles on first use, compiled once before several processes all would.

`make test` does this while the texts are checked.
"""

from __future__ import annotations

from spotlib import compiled


def main() -> None:
    """Compile every part."""
    compiled.rendering()
    compiled.tracking()
    compiled.attention()


if __name__ == "__main__":
    main()
