from __future__ import annotations

import pytest

from spotlib.errors import SpotlibError
from spotlib.params import DataParams, Params, make_params, parse_override, read_yaml
from spotlib.provenance import CHECKOUT


def test_shipped_files_are_valid():
    files = sorted((CHECKOUT / "params").glob("*.yaml"))
    assert files
    for path in files:
        assert make_params(read_yaml(path)).dataset == path.stem


def test_unknown_name_is_named_with_the_nearest():
    with pytest.raises(SpotlibError, match=r"^parameters: unknown parameter 'epoch'; did you mean 'epochs'\?$"):
        make_params({"epoch": 3})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": "many"}, "epochs is 'many': input should be a valid integer"),
        ({"lr": -1}, "lr is -1: input should be greater than 0"),
        ({"extractor": False}, "extractor is false, expected .*quote the value"),
        ({"epochs": True}, "epochs is true, expected int"),
        ({"window": 31}, "window is 31, which needs max_gap of at least 30, not 16"),
        ({"neutral_segments": "perhaps"}, "neutral_segments is 'perhaps'"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"window": 16}, "window is 16, but a centred window needs an odd number"),
        ({"system": "spotgcn", "window": 11}, "SpoT-GCN takes windows of 17 rows"),
        ({"seed": 10**20}, "seed is 1"),
        ({1: 2}, "unknown parameter 1"),
    ],
)
def test_wrong_values_are_one_line(values, message):
    with pytest.raises(SpotlibError, match=message) as caught:
        make_params(values)
    assert "\n" not in str(caught.value)


def test_yaml_traps(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("lr: 1e-3\nepochs: 5\ndim: 017\nextractor: no\nseed: 1_0\n")
    values = read_yaml(path)
    assert values["lr"] == 0.001
    assert values["extractor"] == "no"
    assert type(values["epochs"]) is int
    assert make_params({"dim": values["dim"]}).dim == 17  # no octal numbers
    assert make_params({"nodes": 10}).nodes == "10"
    # text that papermill's own reader makes of 1e-3 is accepted as well
    assert make_params({"lr": "1e-3"}).lr == 0.001


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: [1", "line 1: not valid YAML|line 2: not valid YAML"),
        ("- 1\n- 2", "expected `name: value` lines, found a list"),
        ("epochs: 1\nepochs: 2", "line 2: 'epochs' is given twice"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(SpotlibError, match=message):
        read_yaml(path)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(SpotlibError, match="no such parameter file"):
        read_yaml(tmp_path / "absent.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(SpotlibError, match="cannot be read as text"):
        read_yaml(tmp_path / "b.yaml")


def test_overrides():
    assert parse_override("lr=2e-4") == ("lr", 0.0002)
    assert parse_override("dataset=demo") == ("dataset", "demo")
    with pytest.raises(SpotlibError, match="expected name=value"):
        parse_override("lr")


def test_code_in_a_value_stays_text():
    text = "__import__('os').system('false')"
    assert parse_override(f"dataset={text}")[1] == text


def test_sections_do_not_leak():
    section = Params().section(DataParams)
    assert set(section) == set(DataParams.model_fields)
    assert Params().replace(lr=0.5).section(DataParams) == section


@pytest.mark.parametrize("word", ["none", "None", None])
def test_no_limit_is_none(word):
    params = make_params({"dataset": "cas_me3", "max_macro": word})
    assert params.max_macro is None
    with pytest.raises(SpotlibError, match="max_macro is 0"):
        make_params({"max_macro": 0})
