from __future__ import annotations

import subprocess
import sys

#: afterwards the grammars can still be had, by those who want them
PROGRAM = """
import sys
import spotlib.kernels
print("jsonschema" in sys.modules, "rfc3987_syntax" in sys.modules)
import rfc3987_syntax
"""


def test_grammars_of_addresses_are_not_compiled() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "False"]
