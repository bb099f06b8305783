from __future__ import annotations

import json
import os
import subprocess
import sys

from spotlib.provenance import CHECKOUT

COUNT = """
import json, sys
from numba.core import dispatcher
from spotlib import compiled
from spotlib.datasets.twin import make_twin
from spotlib.faces import to_grey
from spotlib.swmro import MotionStream

compile, made = dispatcher.Dispatcher.compile, set()
def counted(self, signature):
    before = set(self.overloads)
    found = compile(self, signature)
    made.update(f"{self.py_func.__name__}{key}" for key in set(self.overloads) - before)
    return found
dispatcher.Dispatcher.compile = counted
parts = {}
for name in ("tracking", "rendering"):
    getattr(compiled, name)()
    parts[name], made = len(made), set()
video = make_twin("demo", seed=7).videos[0]
stream = MotionStream()
for index in range(20):
    stream.push(to_grey(video.frame(index)))
stream.finish()
print(json.dumps([parts, sorted(made)]))
"""


def test_nothing_is_left_to_compile():
    """What the two parts have compiled is all that rendering and tracking a video asks for."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT], cwd=CHECKOUT, env=os.environ, capture_output=True, text=True, check=True
    )
    parts, left = json.loads(done.stdout)
    assert parts["tracking"] > 3
    assert parts["rendering"] > 3
    assert left == []
