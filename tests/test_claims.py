from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from spotlib import claims
from spotlib.claims import claim, claim_path, is_claimed, wait_for

OWNER = """
import sys, time
from pathlib import Path
from spotlib.claims import claim
with claim(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def target(tmp_path):
    return tmp_path / "rows" / "fold0-seed1-abc.json"


@pytest.fixture
def owner(target):
    """Another process that holds the claim."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(target)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def elsewhere(target, **changes):
    """The claim of a process on another machine."""
    path = claim_path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": "another", "pid": 1, "started": "1", "beat": "0", **changes}))
    return path


def test_one_at_a_time(target):
    with claim(target) as mine:
        assert mine
        assert is_claimed(target)
        with claim(target) as again:
            assert not again
        assert is_claimed(target)
    assert not is_claimed(target)
    assert list(target.parent.iterdir()) == []


def test_half_written_files_of_a_killed_owner_go(target):
    """Those of this result only, and none that is still being written."""
    target.parent.mkdir()
    stale = [target.parent / f".{name}.abc.part" for name in (target.name, f"{target.stem}.checkpoint")]
    other = target.parent / ".fold1-seed1-abc.json.abc.part"
    growing = target.parent / f".{target.stem}.npz.abc.part"
    for path in (*stale, other, growing):
        path.write_text("half")
    with claim(target):
        growing.write_text("and more")
        assert all(path.exists() for path in stale)
    assert sorted(target.parent.iterdir()) == sorted([other, growing])


def test_given_back_after_an_error(target):
    with pytest.raises(KeyError), claim(target):
        raise KeyError
    with claim(target) as mine:
        assert mine


def test_of_many_threads_one_wins(target):
    won, gate = [], threading.Barrier(16)

    def attempt():
        gate.wait()
        with claim(target) as mine:
            won.append(mine)
            gate.wait()  # nobody leaves before all have tried

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(won) == 1


def test_another_process_holds_it_until_it_is_killed(target, owner):
    with claim(target) as mine:
        assert not mine
    assert is_claimed(target)
    owner.kill()
    time.sleep(0.1)  # it is not buried yet: its parent has not asked for it
    assert not is_claimed(target)
    with claim(target) as mine:
        assert mine
    assert list(target.parent.iterdir()) == []


def test_waiting_ends_with_the_owner(target, owner):
    threading.Timer(0.5, owner.kill).start()
    begin = time.monotonic()
    wait_for([target], poll=0.05)
    assert 0.4 < time.monotonic() - begin < 10
    assert not claim_path(target).exists()


def test_a_number_that_another_process_has_now(target):
    elsewhere(target, machine=claims._machine(), pid=os.getppid(), started="0")
    with claim(target) as mine:
        assert mine


def test_another_machine_s_claim_holds_while_it_changes(target, monkeypatch):
    monkeypatch.setattr(claims, "STALE", 0.6)
    path = elsewhere(target)
    ended = threading.Event()

    def live():
        for beat in range(8):  # longer than a silent one would be believed
            path.write_text(json.dumps({"machine": "another", "pid": 1, "started": "1", "beat": str(beat)}))
            time.sleep(0.2)
        ended.set()
        path.unlink()

    thread = threading.Thread(target=live)
    thread.start()
    wait_for([target], poll=0.05)
    assert ended.is_set()
    thread.join()


def test_another_machine_s_claim_that_no_longer_changes(target, monkeypatch):
    monkeypatch.setattr(claims, "STALE", 0.3)
    elsewhere(target)
    with claim(target) as mine:  # one glance cannot tell
        assert not mine
    begin = time.monotonic()
    wait_for([target], poll=0.05)
    assert time.monotonic() - begin >= 0.3
    with claim(target) as mine:
        assert mine


@pytest.mark.parametrize("shift", [-(10**8), 10**8])
def test_clocks_do_not_matter(target, monkeypatch, shift):
    """Years in the past or the future, the file's time and this machine's: a live claim holds, a dead one does not."""
    monkeypatch.setattr(claims.time, "time", lambda: 1.7e9 + shift)
    monkeypatch.setattr(claims, "STALE", 0.4)
    with claim(target) as mine:
        assert mine
        os.utime(claim_path(target), (1.7e9 - shift, 1.7e9 - shift))
        assert is_claimed(target)
        with claim(target) as again:
            assert not again
    path = elsewhere(target)
    os.utime(path, (1.7e9 + shift, 1.7e9 + shift))
    begin = time.monotonic()
    wait_for([target], poll=0.05)
    assert 0.4 <= time.monotonic() - begin < 5


def test_signs_of_life(target, monkeypatch):
    monkeypatch.setattr(claims, "BEAT", 0.05)
    monkeypatch.setattr(claims, "_heart", claims._Heart())
    with claim(target):
        seen = set()
        for _ in range(20):
            seen.add(claim_path(target).read_text())
            time.sleep(0.05)
    assert len(seen) > 3
    assert all(json.loads(text)["pid"] == os.getpid() for text in seen)


def test_a_claim_that_was_taken_away_is_left_alone(target):
    with claim(target):
        claim_path(target).unlink()
        other = elsewhere(target)
    assert other.exists()


def test_a_new_owner_is_not_broken(target):
    path = elsewhere(target)
    old = path.read_text()
    elsewhere(target, pid=2)
    claims._break(path, old)
    assert json.loads(path.read_text())["pid"] == 2
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_where_nothing_can_be_written_work_goes_on(tmp_path):
    (tmp_path / "f").write_text("")
    with claim(tmp_path / "f" / "row.json") as mine:
        assert mine


def test_rubbish_has_its_minute(target, monkeypatch):
    monkeypatch.setattr(claims, "STALE", 0.2)
    path = elsewhere(target)
    path.write_bytes(b"\xff\0[")
    with claim(target) as mine:
        assert not mine
    wait_for([target], poll=0.05)
    assert not path.exists()
