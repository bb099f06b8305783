"""The doctor on small folders and tables: true counts, every problem with its place, meaningful exit statuses."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from spotlib.cli import main
from spotlib.commands.doctor import doctor
from spotlib.doctor import examine
from spotlib.doctor_text import to_text
from spotlib.errors import SpotlibError
from tests.datasets.layouts_factory import cas2_table, cas3_table, cas3_table_c, samm_table, write_xlsx
from tests.datasets.pictures_factory import cut_off, write_pictures

CAS2 = [
    ("15_0101", 3, 5, 9, "macro"),
    ("15_0101", 12, 14, 0, "macro"),
    ("22_0503", 2, 3, 6, "micro"),
    ("22_0503", 4, 5, 9, "macro"),
]


@pytest.fixture
def cas2(tmp_path):
    root = tmp_path / "CAS(ME)^2"
    for name in ("s15/15_0101disgustingteeth", "s22/22_0503unnyfarting"):
        write_pictures(root / "rawpic" / name, range(1, 41), name="img{n:03d}.jpg")
    cas2_table(root / "CAS(ME)^2code_final.xlsx", CAS2)
    return root


def here(seen, of, what):
    (size,) = [size for size in seen.sizes if (size.of, size.what) == (of, what)]
    return size.here


def run(*args):
    return CliRunner().invoke(doctor, [str(arg) for arg in args])


def test_a_whole_data_set(cas2):
    seen = examine("cas_me2", cas2)
    assert (seen.status, seen.synthetic, seen.checked) == (0, False, "ends")
    assert [here(seen, "table", what) for what in ("subjects", "videos with events", "MaE", "ME")] == [2, 2, 3, 1]
    assert here(seen, "table", "without offset") == 1
    assert [here(seen, "pictures", w) for w in ("subjects", "videos", "files", "frames")] == [2, 2, 80, 80]
    assert [here(seen, "used", what) for what in ("MaE", "ME")] == [3, 1]
    assert {size.what for size in seen.sizes if size.differs} >= {"MaE", "ME", "videos", "files"}
    counted = {truth.convention: (truth.macro, truth.micro, truth.unreachable) for truth in seen.truths}
    assert counted == {
        "missing_offset = onset_plus_20": (3, 1, 0),
        "missing_offset = apex": (3, 1, 0),
        "missing_offset = apex_plus_20": (3, 1, 0),
        "missing_offset = drop": (2, 1, 0),
        "missing_offset = keep_zero": (3, 1, 1),
    }


def test_text_names_every_place(cas2):
    cut_off(cas2 / "rawpic" / "s15" / "15_0101disgustingteeth" / "img007.jpg")
    (cas2 / "rawpic" / "s22" / "22_0503unnyfarting" / "Thumbs.db").write_text("x")
    text = to_text(examine("cas_me2", cas2))
    assert text.splitlines()[:4] == [
        "CAS(ME)^2",
        "  table     CAS(ME)^2/CAS(ME)^2code_final.xlsx",
        f"  pictures  {cas2}, both ends of every used file looked at (--decode reads them whole)",
        "",
    ]
    assert "  table     subjects                       2          22  differs\n" in text
    assert "  missing_offset = drop                  2     1   256/57 data set, without the 44 MaE" in text
    assert "  missing-offset: 1 (the convention missing_offset decides)\n" in text
    assert "    CAS(ME)^2code_final.xlsx, sheet 'CASFEcode_final'\n      row 2: " in text
    assert (
        "    CAS(ME)^2/rawpic/s15/15_0101disgustingteeth: 1 picture not usable (cut off, no end marker),"
        " the one before stands in: img007.jpg\n"
    ) in text
    assert "22_0503unnyfarting: 1 file is not a picture of this video and ignored: Thumbs.db" in text
    assert text.endswith("\n\nUsable; nothing is lost.")


def test_ten_of_a_kind_are_shown_and_the_rest_counted(tmp_path):
    rows = [("15_0101", 3 + 30 * k, 5 + 30 * k, 0, "macro") for k in range(13)]
    table = cas2_table(tmp_path / "t.xlsx", [*rows, CAS2[0]])
    seen = examine("cas_me2", annotations=table)
    assert "row 10:" in to_text(seen)
    assert "row 11:" not in to_text(seen)
    assert "    ... and 3 more (--all lists them)" in to_text(seen)
    assert "row 13:" in to_text(seen, all_findings=True)
    assert "more (--all" not in to_text(seen, all_findings=True)


def test_lost_events_are_status_2(cas2):
    folder = cas2 / "rawpic" / "s22" / "22_0503unnyfarting"
    for n in range(3, 41):
        (folder / f"img{n:03d}.jpg").unlink()
    done = run("cas_me2", cas2)
    assert done.exit_code == 2
    assert "Events or frames that are lost: 1" in done.output
    assert "past-end" in done.output
    assert "MaE                            2              of 3" in done.output
    assert done.output.endswith("Usable, but something is lost: see the first list (exit status 2).\n")
    for path in folder.iterdir():
        path.unlink()
    assert "no numbered pictures in it" in run("cas_me2", cas2).output
    folder.rmdir()
    done = run("cas_me2", cas2)
    assert done.exit_code == 2
    assert "row 3: no folder of pictures for video 22_0503: 2 events are not used" in done.output


def test_an_unreadable_video_is_status_2(cas2):
    for path in (cas2 / "rawpic" / "s15" / "15_0101disgustingteeth").iterdir():
        path.write_bytes(b"")
    done = run("cas_me2", cas2)
    assert done.exit_code == 2
    assert "none of its 40 pictures can be used (the file is empty), so that its 2 events are lost" in done.output


def test_json_has_everything(cas2):
    cut_off(cas2 / "rawpic" / "s15" / "15_0101disgustingteeth" / "img007.jpg")
    done = run("cas_me2", cas2, "--json", "--decode")
    assert done.exit_code == 0
    seen = json.loads(done.stdout)
    assert (seen["status"], seen["checked"], seen["tables"]) == (0, "decoded", ["CAS(ME)^2/CAS(ME)^2code_final.xlsx"])
    assert {"of": "table", "what": "MaE", "here": 3, "published": 300, "about": "", "differs": True} in seen["sizes"]
    places = [finding["origin"] for finding in seen["findings"] if finding["what"] == "missing-offset"]
    assert places == [{"file": "CAS(ME)^2code_final.xlsx", "sheet": "CASFEcode_final", "row": 2}]


def test_a_table_alone(tmp_path):
    rows = [("006_1_1", 15, 22, 50, "Macro"), ("006_1_2", 0, 60, 64, "Micro"), ("007_1_1", 9, -1, 14, "Macro")]
    table = samm_table(tmp_path / "t.xlsx", rows)
    seen = examine("samm_lv", annotations=table)
    assert (seen.version, seen.root, seen.status) == ("V1", "", 0)
    assert {size.of for size in seen.sizes} == {"table"}
    assert [(truth.macro, truth.micro) for truth in seen.truths] == [(2, 1), (2, 0), (2, 1), (1, 1)]
    assert "pictures  not looked at; give their folder too" in to_text(seen)
    done = run("samm_lv", "--annotations", table)
    assert (done.exit_code, "(V1)" in done.output) == (0, True)


def test_cas_me3_and_its_parts(tmp_path):
    part_a = cas3_table(
        tmp_path / "a.xls", [("spNO.1", "a", 20, 25, 30, "Macro"), ("spNO.1", "A", 40, 44, 99, "Micro")]
    )
    seen = examine("cas_me3", annotations=part_a)
    assert (seen.title, here(seen, "table", "eye blinks")) == ("CAS(ME)^3 part A", 1)
    assert [(truth.macro, truth.micro) for truth in seen.truths] == [(1, 0), (1, 1)]
    assert any("2231/285 GIM" in told for told in seen.truths[0].reported)
    part_c = cas3_table_c(tmp_path / "c.xlsx", [(1, 10, 20)])
    assert here(examine("cas_me3", annotations=part_c, part="C"), "table", "ME") == 1
    with pytest.raises(SpotlibError, match="a.xls: looks like the annotation table of .* part A, not of .* part C"):
        examine("cas_me3", annotations=part_a, part="C")


def test_kinds_in_two_tables(tmp_path):
    header = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type")
    row = ("spNO.1", "a", 20, 25, 30, "4")
    macro = write_xlsx(tmp_path / "macro.xlsx", {"AU": [header, (*row, "Macro-expression")]})
    micro = write_xlsx(tmp_path / "micro.xlsx", {"AU": [header, (*row[:2], 50, 55, 60, "4", "Micro-expression")]})
    seen = examine("cas_me3", annotations=[macro, micro])
    assert (here(seen, "table", "MaE"), here(seen, "table", "ME")) == (1, 1)
    write_pictures(tmp_path / "part_A" / "spNO.1" / "a" / "color", range(5, 80))
    seen = examine("cas_me3", tmp_path)  # the same two, found
    assert (here(seen, "used", "MaE"), here(seen, "used", "ME")) == (1, 1)
    assert len(seen.tables) == 2


def test_own_videos(tmp_path):
    write_pictures(tmp_path / "videos" / "anna", range(30))
    (tmp_path / "events.csv").write_text("video,kind,onset,apex,offset\nanna,macro,3,5,9\nanna,micro,40,41,42\n")
    seen = examine("own", tmp_path)
    assert (here(seen, "used", "MaE"), here(seen, "used", "ME"), seen.status) == (1, 0, 2)
    assert "own videos\n  table     events.csv\n" in to_text(seen)
    with pytest.raises(SpotlibError, match="own: give the folder with events.csv and videos"):
        examine("own", annotations=tmp_path / "events.csv")


def test_exit_statuses_of_the_command_line(cas2, monkeypatch, capsys):
    def status(*args):
        monkeypatch.setattr("sys.argv", ["spotlib", "doctor", *map(str, args)])
        try:
            main()
        except SystemExit as end:
            return end.code
        return 0

    assert status("cas_me2", cas2) == 0
    (cas2 / "rawpic" / "s22" / "22_0503unnyfarting").rename(cas2 / "gone")
    assert status("cas_me2", cas2) == 2
    capsys.readouterr()
    assert status("samm_lv", cas2) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "folder '15_0101disgustingteeth' looks like cas_me2" in said.err


def test_nothing_to_examine(tmp_path):
    with pytest.raises(SpotlibError, match="nothing to examine: give the folder of samm_lv, or its table with --anno"):
        examine("samm_lv")
    with pytest.raises(SpotlibError, match="no data set 'samm' to examine; did you mean 'samm_lv'?"):
        examine("samm", tmp_path)
    with pytest.raises(SpotlibError, match="no data set 'x' to examine; known are samm_lv, cas_me2, cas_me3, own"):
        examine("x", tmp_path)
    with pytest.raises(SpotlibError, match="cas_me2 has no part 'C'; only cas_me3 has parts"):
        examine("cas_me2", tmp_path, part="C")
    with pytest.raises(SpotlibError, match="no such folder"):
        examine("samm_lv", tmp_path / "nowhere")
