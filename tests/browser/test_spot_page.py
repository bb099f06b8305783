"""The report page of a spotted video in a real browser, with the network off."""

from __future__ import annotations

import re
import time

import pytest

from spotlib.report.spot_page import spot_page
from tests.spot_results import hostile_result, long_result, rendered_result

# colours of text and what is behind it, as the browser computes them; the lowest contrast of all texts that are seen
CONTRAST = """(place) => {
  const rgb = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { r, g, b, a }; };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.a > 0.99) return colour;
    }
    return { r: 255, g: 255, b: 255 };
  };
  let worst = [99, ""];
  const walker = document.createTreeWalker(document.querySelector(place || "body"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("script, style, option, .hidden, .skip")) continue;
    if (!element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const own = light(rgb(element instanceof SVGElement ? style.fill : style.color)), other = light(behind(element));
    const ratio = (Math.max(own, other) + 0.05) / (Math.min(own, other) + 0.05);
    if (ratio < worst[0]) worst = [ratio, walker.currentNode.textContent.trim().slice(0, 40)];
  }
  return worst;
}"""


class Opened:
    """A page with what it asked for and complained of."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}, **options)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())

    def view(self):
        return self.page.evaluate("spotTimeline.view")

    def press(self, key):
        self.page.keyboard.press(key)
        self.page.wait_for_timeout(60)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(spot_page(rendered_result()), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, path):
    opened = Opened(browser, path)
    yield opened
    asked = [url for url in opened.requests if not url.startswith(("file:", "data:"))]
    opened.context.close()
    assert opened.complaints == []
    assert asked == []


def test_it_opens_and_draws_everything(opened):
    page = opened.page
    assert page.locator(".card").count() == 5
    assert page.locator(".tl-plot .event.macro").count() == 2
    assert page.locator(".tl-plot .event.micro").count() == 3
    assert page.locator(".tl-plot .curve").count() == 6
    assert page.locator(".tl-plot .gap").count() == 2
    pictures = page.evaluate("[...document.images].map((i) => [i.complete, i.naturalWidth, i.alt.length > 10])")
    assert len(pictures) == 16
    assert all(done and width == 224 and alt for done, width, alt in pictures)
    assert page.locator(".picture svg.arrows path").count() > 10


def test_a_click_on_an_event_moves_the_view_and_the_list(opened):
    page = opened.page
    assert opened.view() == [0, 900]
    page.locator('.card[data-index="4"] .go').click()
    page.wait_for_timeout(100)
    low, high = opened.view()
    assert low < 700
    assert high > 712
    assert high - low < 200
    page.get_by_role("button", name="Show the whole video").click()
    page.wait_for_timeout(100)
    box = page.locator('.tl-plot .event[data-index="0"] .body').bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(600)
    low, high = opened.view()
    assert low < 95
    assert 160 < high < 500
    assert page.locator(".card.current").get_attribute("data-index") == "0"
    assert "Event 1 of 5, macro" in page.locator("#said").inner_text()
    assert page.evaluate("document.querySelector('.card.current').getBoundingClientRect().top") < 900


def test_hover_tells_the_values_under_the_mouse(opened):
    page = opened.page
    box = page.locator(".tl-plot .event.micro .body").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    said = page.locator(".tl-read").inner_text()
    frame = int(re.search(r"frame (\d+)", said)[1])
    assert 370 <= frame <= 386
    apex = float(re.search(r"micro: apex ([\d.]+)", said)[1])
    probabilities = rendered_result().probabilities[frame]
    assert apex == pytest.approx(float(probabilities[6]), abs=0.006)
    assert "in micro event 2" in said
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    assert page.locator(".tl-read").inner_text() != said


def test_wheel_zooms_once_the_timeline_was_clicked_and_else_scrolls(opened):
    page = opened.page
    box = page.locator(".tl-plot").bounding_box()
    page.mouse.move(box["x"] + 400, box["y"] + 120)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    assert opened.view() == [0, 900]
    page.mouse.click(box["x"] + 400, box["y"] + 120)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    low, high = opened.view()
    assert 0 < low < high < 900


def test_keys_walk_zoom_and_play(opened):
    page = opened.page
    opened.press("j")
    opened.press("j")
    assert page.locator(".card.current").get_attribute("data-index") == "1"
    assert page.evaluate("document.activeElement.matches('.card.current article')")
    low, high = opened.view()
    assert low < 372
    assert high > 384
    opened.press("+")
    assert opened.view()[1] - opened.view()[0] == pytest.approx((high - low) / 2)
    opened.press("0")
    assert opened.view() == [0, 900]
    opened.press("Enter")
    assert opened.view() == [low, high]
    assert page.locator(".card.current .player button").inner_text() == "Pause"
    first = page.locator(".card.current .loop img").get_attribute("src")
    page.wait_for_timeout(400)
    assert page.locator(".card.current .loop img").get_attribute("src") != first
    opened.press("p")
    assert page.locator(".card.current .player button").inner_text() == "Play"
    opened.press("k")
    assert page.locator(".card.current").get_attribute("data-index") == "0"
    page.locator(".tl-plot").focus()
    at = int(page.locator(".tl-plot").get_attribute("aria-valuenow"))
    opened.press("ArrowRight")
    opened.press("Shift+ArrowRight")
    assert int(page.locator(".tl-plot").get_attribute("aria-valuenow")) == at + 31
    assert "macro: apex" in page.locator(".tl-plot").get_attribute("aria-valuetext")
    page.locator("summary").click()
    page.locator("#keys").uncheck()
    page.locator("#keys").blur()
    opened.press("j")
    assert page.locator(".card.current").get_attribute("data-index") == "0"


def test_focus_is_visible(opened):
    page = opened.page
    for _ in range(12):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]; })()"
        )
        where = page.evaluate("document.activeElement.outerHTML.slice(0, 80)")
        assert style[0] not in ("none", "hidden"), where
        assert style[1] != "0px", where


def test_order_and_choice_of_the_cards(opened):
    page = opened.page
    indices = "[...document.querySelectorAll('.card:not([hidden])')].map((card) => Number(card.dataset.index))"
    page.select_option("#order", "score")
    assert page.evaluate(indices) == [1, 0, 2, 4, 3]
    page.select_option("#order", "doubt")
    assert page.evaluate(indices)[0] == 3
    page.select_option("#only", "macro")
    assert page.evaluate(indices) == [2, 0]
    assert page.locator("#count").inner_text() == "2"
    page.get_by_label("micro", exact=True).first.check()
    page.wait_for_timeout(100)
    assert page.locator(".tl-plot .curve").count() == 3


def test_loops_stand_still_for_those_who_want_it(browser, path):
    opened = Opened(browser, path, reduced_motion="reduce")
    opened.press("j")
    assert opened.page.locator(".card.current .player button").inner_text() == "Play"
    opened.page.locator(".card.current .player button").click()
    assert opened.page.locator(".card.current .player button").inner_text() == "Pause"
    opened.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(browser, path, scheme):
    opened = Opened(browser, path, color_scheme=scheme)
    opened.page.locator("summary").click()
    ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    ratio, text = opened.page.evaluate(CONTRAST)
    assert ratio >= 4.5, text
    other = {"light": "dark", "dark": "light"}[scheme]
    opened.page.select_option("#theme", other)
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    ratio, text = opened.page.evaluate(CONTRAST)
    assert ratio >= 4.5, text
    opened.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(browser, path, scheme):
    from axe_playwright_python.sync_playwright import Axe

    opened = Opened(browser, path, color_scheme=scheme)
    opened.press("j")
    opened.page.locator("summary").click()
    found = Axe().run(opened.page)
    assert found.violations_count == 0, found.generate_report()
    opened.context.close()


def test_a_narrow_window_does_not_scroll_sideways(browser, path):
    opened = Opened(browser, path)
    opened.page.set_viewport_size({"width": 360, "height": 700})
    opened.page.wait_for_timeout(100)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    opened.context.close()


def test_on_paper_the_whole_timeline_and_all_pictures(browser, path):
    opened = Opened(browser, path)
    opened.page.emulate_media(media="print")
    assert opened.page.locator(".spot-static").is_visible()
    assert not opened.page.locator(".tl-plot").is_visible()
    assert not opened.page.locator(".player").first.is_visible()
    assert opened.page.locator(".picture img").last.is_visible()
    opened.context.close()


def test_without_scripts_it_can_be_read(browser, path):
    opened = Opened(browser, path, java_script_enabled=False)
    assert opened.page.locator(".spot-static").is_visible()
    assert opened.page.locator(".card").count() == 5
    assert not opened.page.locator("#order").is_visible()
    opened.context.close()


def test_hostile_names_stay_text(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(spot_page(hostile_result()), encoding="utf-8")
    opened = Opened(browser, path)
    opened.press("j")
    assert "onerror" in opened.page.locator("h1").inner_text()
    assert opened.page.title().endswith(": spotted expressions")
    assert opened.page.locator("img[src=x], b").count() == 0
    assert opened.complaints == []
    opened.context.close()


def test_three_hours_stay_quick(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(spot_page(long_result()), encoding="utf-8")
    start = time.monotonic()
    opened = Opened(browser, path)
    opened.page.wait_for_selector(".tl-plot .curve", state="attached")
    assert time.monotonic() - start < 15  # about one second on an idle machine
    points = opened.page.evaluate("document.querySelector('.tl-plot .curve.apex').getAttribute('d').length")
    assert points < 100_000  # a few values a pixel, not 324,000
    opened.press("j")
    assert opened.view()[1] - opened.view()[0] < 200
    opened.context.close()
