"""What is passed to a notebook arrives as that text: nothing in it runs, nothing in a path is filled in."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from spotlib.errors import SpotlibError
from spotlib.params import make_params, parse_override
from spotlib.workbook import execute

_CODE = """__import__('pathlib').Path('{marker}').touch()"""


def hostile(marker: Path) -> dict[str, str]:
    """Texts that would be code if anybody pasted them into code; each would make the file ``marker``."""
    code = _CODE.format(marker=marker)
    return {
        "root": f'"; {code}; x = "',
        "annotations": f"'\n{code}\nx = '",
        "variant": f"\"\"\"\n{code}\n'''\n{code}",
        "results": f"{{0.__class__}} {{variant}} {{{code}}} %s $HOME `id` $(id)",
        "params_file": f"\\\\\"\\';{code}#",
        "profile": f"\u2028{code}\r{code}\x0c\x00\u202e end",
        "tables": f"!touch {marker}\n%%bash\ntouch {marker}\n?{marker}",
    }


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str], Path, Path]:
    """A notebook run by the real path, whose folder has braces in its name; it tells what it was given."""
    folder = tmp_path_factory.mktemp("a {variant} {0} {} b")
    marker = folder / "it-ran"
    given = hostile(marker)
    out = folder / "seen.json"
    names = sorted(given)
    cell = f"import json, pathlib\npathlib.Path({str(out)!r}).write_text(json.dumps([{', '.join(names)}]))"
    notebook = new_notebook(
        cells=[
            new_code_cell("\n".join(f'{name} = ""' for name in names), metadata={"tags": ["parameters"]}),
            new_code_cell(cell),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}},
    )
    source = folder / "a {results} notebook.ipynb"
    nbformat.write(notebook, source)
    target = execute(source, folder / "done {1}" / "{x}.ipynb", given)
    return given, dict(zip(names, json.loads(out.read_text()), strict=True)), marker, target


def test_values_come_out_as_that_text(seen) -> None:
    given, found, _, _ = seen
    assert found == given


def test_nothing_in_them_ran(seen) -> None:
    assert not seen[2].exists()


def test_braces_in_a_path_are_braces(seen) -> None:
    assert seen[3].name == "{x}.ipynb"
    assert seen[3].parent.name == "done {1}"
    assert seen[3].is_file()


def test_names_of_parameters_are_no_code_either() -> None:
    name = "x = 1; import os; lr"
    with pytest.raises(SpotlibError, match="unknown parameter 'x = 1; import os; lr'"):
        make_params({name: 3})
    assert parse_override(f"{name}=3")[0] == "x"  # and is refused as unknown by the same rule


@pytest.mark.parametrize("value", ["!!python/object/apply:os.system [id]", "!!python/name:os.system", "!!int '3'"])
def test_types_by_name_are_refused(value: str) -> None:
    with pytest.raises(SpotlibError, match=r"-p lr, line 1: a type by name \(.*\); write the value alone"):
        parse_override(f"lr={value}")
