"""The report page of a spotted video as text: offline, escaped, bounded, honest. Its behaviour: tests/browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from bs4 import BeautifulSoup

from spotlib.report.spot_data import MAX_SAMPLES, envelope, gaps, samples_step, script_json, timeline_data
from spotlib.report.spot_page import MAX_CARDS, choose_pictures, spot_page
from spotlib.report.spot_svg import arrow_factor, arrows_svg, in_words, longest_motion, moved_most, timeline_svg
from spotlib.spot.result import Moment
from tests.spot_results import HOSTILE, hostile_result, long_result, moment_of, rendered_result


@pytest.fixture(scope="module")
def page():
    return spot_page(rendered_result())


def test_nothing_comes_from_outside_and_the_policy_knows_the_only_script(page):
    soup = BeautifulSoup(page, "html.parser")
    addresses = [
        tag[name] for tag in soup.find_all(True) for name in ("src", "href", "data", "poster") if tag.get(name)
    ]
    assert addresses
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in addresses)
    assert not re.search(r"url\((?!#)|@import", soup.style.string)
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    active = [tag for tag in soup.find_all("script") if tag.get("type") != "application/json"]
    assert len(active) == 1
    for text in (active[0].string, soup.style.string):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert not soup.find_all(style=True)  # the policy would drop them
    assert not [name for tag in soup.find_all(True) for name in tag.attrs if name.startswith("on")]


def test_says_what_it_is(page):
    text = BeautifulSoup(page, "html.parser").get_text(" ", strip=True)
    assert "no lie detector and no diagnosis" in text
    assert "trained on rendered people only" in text
    assert "SYNTHETIC" in text
    assert "interview.mp4" in text
    assert "900 frames at 30 per second" in text
    assert "4.6% of the frames, in 2 gaps" in text
    assert "2 macro, 3 micro" in text
    assert "motion magnified 5 \u00d7, slowed 3.7 \u00d7" in text
    assert "To mind: shot with a phone." in text
    settings = {"weights_synthetic": True, "notes": ["the weights were trained on rendered people only"]}
    known = spot_page(replace(rendered_result(), settings=settings))
    assert known.count("trained on rendered people only") == 1
    assert "rendered people only" not in spot_page(replace(rendered_result(), settings={"weights_synthetic": False}))
    real = replace(rendered_result(), spotted=replace(rendered_result().spotted, synthetic=False))
    assert "SYNTHETIC" not in spot_page(real)


def test_every_event_has_a_card_in_order_with_its_numbers(page):
    cards = BeautifulSoup(page, "html.parser").select("li.card")
    assert [card["data-index"] for card in cards] == ["0", "1", "2", "3", "4"]
    first = cards[1].get_text(" ", strip=True)
    for part in (
        "2. micro , 0:12.40",
        "0:12.40 (frame 372)",
        "0:12.60 (frame 378)",
        "13 frames",
        "0.81",
        "left",
        "brow",
    ):
        assert part in first, part
    assert "not told" in cards[4].get_text()
    assert cards[4].select("img") == []
    alts = [image["alt"] for image in cards[1].select("img")]
    assert alts[0] == "Event 2, micro: face at the onset, 0:12.40"
    assert "since the onset the brow" in alts[1]
    assert "little light" in cards[3].get_text()


def test_mark_up_in_names_stays_text():
    page = spot_page(hostile_result())
    soup = BeautifulSoup(page, "html.parser")
    assert len(soup.find_all("script")) == 3
    assert not soup.find_all("b")
    assert not soup.select("img[onerror]")
    assert "<img src=x" not in page
    assert HOSTILE not in page
    assert "</script><img src=x" in soup.h1.get_text()
    json.loads(soup.find(id="data").string)
    assert json.loads(script_json({"a": HOSTILE})) == {"a": HOSTILE}
    assert "<" not in script_json({HOSTILE: HOSTILE})


def test_curves_come_through_and_no_peak_is_lost():
    result = rendered_result()
    data = timeline_data(result)
    sent = np.frombuffer(base64.b64decode(data["curves"]["micro"]["onset"]["high"]), np.uint8)
    own = np.where(result.valid, result.probabilities[:, 0].astype(float), 0)
    assert np.abs(sent / 255 - own).max() <= 0.5 / 255 + 1e-3
    assert data["gaps"] == [[520, 559], [640, 640]] == gaps(result.valid)
    assert [event["onset"] for event in data["events"]] == [95, 372, 400, 455, 700]
    assert data["thresholds"] == {"macro": 0.5, "micro": 0.5}
    assert samples_step(MAX_SAMPLES) == 1
    assert samples_step(MAX_SAMPLES + 1) == 2
    values = np.array([1, 9, 2, 3, 7])
    high, low = envelope(values, 2)
    assert high.tolist() == [9, 3, 7]
    assert low.tolist() == [1, 2, 7]


def test_hours_are_bounded_and_said(monkeypatch):
    result = long_result()
    page = spot_page(result)
    assert len(page) < 14_000_000
    soup = BeautifulSoup(page, "html.parser")
    assert len(soup.select("li.card")) == MAX_CARDS
    assert len(json.loads(soup.find(id="data").string)["events"]) == len(result.spotted.events) == 540
    notes = " ".join(note.get_text() for note in soup.select(".note"))
    assert "Of 540 events, the 400 with the highest scores have cards" in notes
    assert "have pictures (highest scores)" in notes
    assert "have a loop (highest scores)" in notes
    monkeypatch.setattr("spotlib.report.spot_data.MAX_SAMPLES", 100_000)
    data = timeline_data(result)
    assert data["step"] == 4
    assert len(base64.b64decode(data["curves"]["micro"]["apex"]["low"])) == 81_000
    assert "every 4 frames" in spot_page(result, picture_budget=0)


def test_pictures_within_a_budget_best_first_and_loops_thinned_before_they_go():
    result = rendered_result()
    strip = sum(4 * -(-len(picture) // 3) for picture in result.moments[0].strip)
    strips, loops = choose_pictures(result, [0, 1, 2, 3, 4], 10_000_000)
    assert strips == [0, 1, 2, 3]
    assert {i: len(loop) for i, loop in loops.items()} == dict.fromkeys(range(4), 24)
    strips, loops = choose_pictures(result, [0, 1, 2, 3], 4 * strip + 4 * 5 * strip)
    assert strips == [0, 1, 2, 3]
    assert set(loops) == {0, 1, 2, 3}
    assert {len(loop) for loop in loops.values()} == {13}
    assert loops[0][-1] == result.moments[0].loop[-1]
    strips, loops = choose_pictures(result, [3, 0, 1], int(1.8 * strip))
    assert strips == [3]
    assert not loops
    size = sum(4 * -(-len(p) // 3) for m in result.moments if m for p in (*m.strip, *m.loop))
    for budget in (0, strip, 3 * strip, 9 * strip, size):
        strips, loops = choose_pictures(result, [0, 1, 2, 3], budget)
        pictures = [p for i in strips for p in result.moments[i].strip] + [p for loop in loops.values() for p in loop]
        assert sum(4 * -(-len(p) // 3) for p in pictures) <= budget


def test_arrows_stay_in_the_picture_and_say_what_moved():
    smile = moment_of("smile")
    assert moved_most(smile) == "mouth"
    factor = arrow_factor(smile)
    tips = smile.arrows[:, :2] + factor * smile.arrows[:, 2:]
    assert np.nanmin(tips) >= 0
    assert np.nanmax(tips) <= smile.side
    assert factor * longest_motion(smile) <= smile.side / 6
    drawn = arrows_svg(smile, moved=True)
    assert drawn.count("<circle") == 3
    assert drawn.count("<polygon") == 14 - 3 - 1
    assert "nan" not in drawn
    still = Moment(smile.strip, smile.loop, smile.side, np.full((10, 4), np.nan, np.float32))
    assert moved_most(still) == ""
    assert longest_motion(still) == 0
    assert arrow_factor(still) == 1
    assert "<circle" not in arrows_svg(still, moved=True)


def test_the_still_timeline_and_what_it_says():
    result = rendered_result()
    svg = timeline_svg(result)
    assert svg.count("<rect") == 2 + 5  # gaps and events
    assert in_words(result).startswith("Timeline of interview, 0:30.00 long. 2 macro-expressions: 0:03.17 to 0:05.37")
    assert "No face in 2 stretches." in in_words(result)
    assert "<img" not in timeline_svg(hostile_result())


def test_a_video_without_events_or_pictures():
    result = rendered_result()
    bare = replace(result, spotted=replace(result.spotted, events=(), regions=(), warnings=()), moments=())
    page = spot_page(bare)
    assert "No event was found." in page
    assert "Pictures were not asked for." in spot_page(replace(result, moments=()))


def test_objects_show_themselves():
    result = rendered_result()
    shown = result._repr_html_()
    assert "2 macro- and 3 micro-expressions in 0:30.00" in shown
    assert shown.count("<tr>") == 6
    assert "<svg" in shown
    assert "<img" not in hostile_result()._repr_html_()
    assert "<script" not in hostile_result()._repr_html_()
    assert "more with lower scores" in long_result(seconds=600)._repr_html_()
    assert result._repr_png_().startswith(b"\x89PNG")
