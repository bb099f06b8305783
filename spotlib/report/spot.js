"use strict";
// The report page: its timeline, its cards, their loops, and the keys. The page can be read without it.
(() => {
  const root = document.documentElement;
  document.body.classList.remove("no-script");
  const data = JSON.parse(document.getElementById("data").textContent);
  const list = document.querySelector(".cards");
  const cards = [...list.querySelectorAll(".card")];
  const said = document.getElementById("said");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let current = null;

  // ---- light and dark

  const theme = document.getElementById("theme");
  theme.addEventListener("change", () => {
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
  });

  // ---- the timeline and the list move each other

  const byIndex = new Map(cards.map((card) => [Number(card.dataset.index), card]));
  const timeline = SpotTimeline.create(document.getElementById("timeline"), data, { onSelect: (index) => mark(index, true) });

  function mark(index, scroll) {
    if (current) {
      current.classList.remove("current");
      current.removeAttribute("aria-current");
      stop(current);
    }
    const event = data.events[index];
    said.textContent = `Event ${index + 1} of ${data.events.length}, ${event.kind}, at ${SpotTimeline.clockText(timeline.clock.seconds(event.onset))}`;
    current = byIndex.get(index) || null;
    if (!current) return;
    current.classList.add("current");
    current.setAttribute("aria-current", "true");
    if (scroll) {
      if (current.hidden) { document.getElementById("only").value = "all"; arrange(); }
      current.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
    }
    if (!calm.matches) play(current);
  }

  function go(card, focus = true) {
    timeline.select(Number(card.dataset.index));
    if (focus) card.querySelector("article").focus({ preventScroll: true });
  }

  function step(by) {
    const visible = [...list.children].filter((card) => !card.hidden);
    if (!visible.length) return;
    const at = visible.indexOf(current);
    const next = at < 0 ? (by > 0 ? 0 : visible.length - 1) : Math.min(visible.length - 1, Math.max(0, at + by));
    go(visible[next]);
  }

  for (const card of cards) {
    card.querySelector(".go").addEventListener("click", () => go(card, false));
    card.querySelector(".pictures").addEventListener("click", (event) => {
      if (!event.target.closest("button, input")) go(card, false);
    });
    const player = card.querySelector(".player");
    if (!player) continue;
    player.querySelector("button").addEventListener("click", () => (card.timer ? stop(card) : play(card)));
    player.querySelector("input").addEventListener("input", (event) => { stop(card); frame(card, Number(event.target.value)); });
  }

  // ---- loops

  let loops = null;
  function pictures(card) {
    if (!card.loop) {
      loops = loops || JSON.parse(document.getElementById("loops").textContent);
      card.loop = (loops[card.dataset.index] || []).map((text) => "data:image/jpeg;base64," + text);
      for (const source of card.loop) new Image().src = source; // decoded before they are shown, so that nothing flickers
    }
    return card.loop;
  }
  function frame(card, at) {
    const sources = pictures(card);
    card.at = at;
    card.querySelector(".loop img").src = sources[at];
    card.querySelector(".player input").value = at;
  }
  function play(card) {
    const button = card.querySelector(".player button");
    if (!button || card.timer || pictures(card).length < 2) return;
    button.textContent = "Pause";
    button.setAttribute("aria-pressed", "true");
    const wait = Number(card.dataset.wait);
    const next = () => {
      const last = card.loop.length - 1;
      const at = card.at === undefined || card.at >= last ? 0 : card.at + 1;
      frame(card, at);
      card.timer = setTimeout(next, at === 0 || at === last ? wait + 350 : wait); // a rest at onset and offset
    };
    next();
  }
  function stop(card) {
    clearTimeout(card.timer);
    card.timer = null;
    const button = card.querySelector(".player button");
    if (!button) return;
    button.textContent = "Play";
    button.setAttribute("aria-pressed", "false");
  }
  calm.addEventListener("change", () => cards.forEach(stop));
  document.addEventListener("visibilitychange", () => { if (document.hidden) cards.forEach(stop); });

  // ---- order and choice of the cards

  const order = document.getElementById("order"), only = document.getElementById("only");
  function arrange() {
    const value = (card, name) => Number(card.dataset[name]);
    const compare = {
      time: (a, b) => value(a, "index") - value(b, "index"),
      score: (a, b) => value(b, "score") - value(a, "score"),
      doubt: (a, b) => value(b, "doubt") - value(a, "doubt"),
    }[order.value];
    list.append(...[...cards].sort((a, b) => compare(a, b) || value(a, "index") - value(b, "index")));
    let count = 0;
    for (const card of cards) {
      card.hidden = only.value !== "all" && !card.classList.contains(only.value);
      count += !card.hidden;
    }
    document.getElementById("count").textContent = String(count);
  }
  order.addEventListener("change", arrange);
  only.addEventListener("change", arrange);
  const arrows = document.getElementById("arrows");
  arrows.addEventListener("change", () => document.body.classList.toggle("hide-arrows", !arrows.checked));

  // ---- keys

  const keys = document.getElementById("keys");
  document.addEventListener("keydown", (event) => {
    if (!keys.checked || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
    const onArticle = event.target.matches(".card article");
    const onButton = event.target.closest("button, summary, a, input");
    if (event.key === "j" || (onArticle && event.key === "ArrowDown")) step(1);
    else if (event.key === "k" || (onArticle && event.key === "ArrowUp")) step(-1);
    else if (event.key === "Enter" && !onButton && current) go(current);
    else if (event.key === "+" || event.key === "=") timeline.zoom(0.5);
    else if (event.key === "-") timeline.zoom(2);
    else if (event.key === "0") timeline.show(0, data.n_frames);
    else if (event.key === "p" && current) { if (current.timer) stop(current); else play(current); }
    else return;
    event.preventDefault();
  });
  addEventListener("beforeprint", () => cards.forEach(stop));
  window.spotTimeline = timeline;
})();
