from __future__ import annotations

from spotlib.provenance import _essence, code_digest, collect


def test_comments_and_docstrings_do_not_count():
    one = '"""Doc."""\n\ndef f(x):\n    """Say."""\n    # why\n    return x + 1  # one more\n'
    two = "def f(x):\n    return x + 1\n"
    assert _essence(one) == _essence(two)
    assert _essence(two) != _essence(two.replace("1", "2"))
    # a '#' inside a string is code
    assert _essence('x = "a # b"\n') != _essence('x = "a # c"\n')


def test_follows_imports():
    found = code_digest(["spotlib.fold"])
    assert {"spotlib.engine", "spotlib.losses", "spotlib.matching", "spotlib.intervals"} <= set(found)
    assert "spotlib.figures" not in found
    assert "spotlib.engine" not in code_digest(["spotlib.fold"], without=["spotlib.engine"])


def test_names_no_machine():
    import getpass
    import socket
    from pathlib import Path

    text = str(collect({}))
    assert socket.gethostname() not in text
    assert str(Path.home()) not in text
    assert f"/{getpass.getuser()}/" not in text
