"use strict";
// The timeline of one video: curves, events and gaps, to zoom, hover and move in. The report page and the widget share it.
// Texts go into the page as text only, never as HTML, because names and warnings come from files.
const SpotTimeline = (() => {
  const NS = "http://www.w3.org/2000/svg";
  const KINDS = ["macro", "micro"];
  const NAMES = ["apex", "onset", "offset"];
  const LEFT = 68, RIGHT = 10, LANE = 20, PANEL = 66, GAP = 8, AXIS = 22, OVERVIEW = 30;
  const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200];
  let made = 0;

  function make(tag, attributes = {}, parent = null, text = "") {
    const svg = ["svg", "g", "rect", "path", "line", "text", "pattern", "defs", "clipPath"].includes(tag);
    const element = svg ? document.createElementNS(NS, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  }

  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  /** Minutes and seconds, with hours where there are any. */
  function clockText(seconds, digits = 2) {
    const scale = 10 ** digits;
    const all = Math.round(seconds * scale);
    const whole = Math.floor(all / scale);
    const two = (value) => String(value).padStart(2, "0");
    const fraction = digits ? "." + String(all % scale).padStart(digits, "0") : "";
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor(whole / 60) % 60;
    return (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(whole % 60) + fraction;
  }

  /** When frames begin: a regular beat, set anew at each knot [frame, seconds]. */
  class Clock {
    constructor(data) {
      this.fps = data.fps;
      this.knots = data.knots;
    }
    seconds(frame) {
      const [base, at] = this._knot(frame, 0);
      return at + (frame - base) / this.fps;
    }
    frame(seconds) {
      const [base, at] = this._knot(seconds, 1);
      return base + (seconds - at) * this.fps;
    }
    _knot(value, column) {
      let low = 0, high = this.knots.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (this.knots[middle][column] <= value) low = middle;
        else high = middle - 1;
      }
      return this.knots[low];
    }
  }

  function bytes(base64) {
    const text = atob(base64);
    const out = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
    return out;
  }

  /** Scores with their highest and lowest values at ever coarser levels, so that drawing hours costs what seconds do. */
  class Curve {
    constructor(sent, step) {
      const high = bytes(sent.high);
      this.levels = [{ high, low: sent.low ? bytes(sent.low) : high, size: step }];
      while (this.levels.at(-1).high.length > 600) this.levels.push(this._coarser(this.levels.at(-1)));
    }
    _coarser({ high, low, size }) {
      const n = Math.ceil(high.length / 4);
      const next = { high: new Uint8Array(n), low: new Uint8Array(n).fill(255), size: 4 * size };
      for (let i = 0; i < high.length; i++) {
        if (high[i] > next.high[i >> 2]) next.high[i >> 2] = high[i];
        if (low[i] < next.low[i >> 2]) next.low[i >> 2] = low[i];
      }
      return next;
    }
    at(frame) {
      const { high, size } = this.levels[0];
      return high[clamp(Math.floor(frame / size), 0, high.length - 1)] / 255;
    }
    /** The finest level with at most two values a column. */
    level(frames, columns) {
      return this.levels.find(({ size }) => frames / size <= 2 * columns) || this.levels.at(-1);
    }
  }

  /** [lane, number of lanes] of each event: those of a kind that overlap share the height of their row. */
  function lanesOf(events) {
    const found = events.map(() => [0, 1]);
    for (const kind of KINDS) {
      const order = events.map((_, i) => i).filter((i) => events[i].kind === kind);
      order.sort((a, b) => events[a].onset - events[b].onset);
      let cluster = [], ends = [], last = -1;
      const close = () => { for (const i of cluster) found[i][1] = ends.length; };
      for (const i of order) {
        if (events[i].onset > last) { close(); cluster = []; ends = []; }
        let lane = ends.findIndex((end) => end < events[i].onset);
        if (lane < 0) lane = ends.length;
        ends[lane] = events[i].offset;
        found[i][0] = lane;
        cluster.push(i);
        last = Math.max(last, events[i].offset);
      }
      close();
    }
    return found;
  }

  /**
   * Build a timeline in `root`. `hooks`: onSelect(index), onCursor(frame), each optional.
   * Returns select, show, zoom, setCursor, setEvents, setKinds, view, and `element`.
   */
  function create(root, data, hooks = {}) {
    const id = "spot-tl-" + ++made;
    const clock = new Clock(data);
    const n = data.n_frames;
    const curves = Object.fromEntries(KINDS.map((kind) => [
      kind, Object.fromEntries(NAMES.map((name) => [name, new Curve(data.curves[kind][name], data.step)]))]));
    let events = data.events, lanes = lanesOf(events);
    let shown = KINDS;
    let view = [0, n], cursor = 0, hover = null, selected = -1, width = 800, waiting = false;
    const shortest = Math.min(n, 12);

    const bar = make("div", { class: "tl-bar" }, root);
    const buttons = make("div", { class: "tl-buttons", role: "group", "aria-label": "Zoom" }, bar);
    const button = (text, label, act) => {
      const element = make("button", { type: "button", "aria-label": label, title: label }, buttons, text);
      element.addEventListener("click", act);
      return element;
    };
    button("−", "Zoom out (key −)", () => zoom(2));
    button("+", "Zoom in (key +)", () => zoom(0.5));
    button("◀", "Move left", () => show(view[0] - (view[1] - view[0]) / 2, view[1] - (view[1] - view[0]) / 2));
    button("▶", "Move right", () => show(view[0] + (view[1] - view[0]) / 2, view[1] + (view[1] - view[0]) / 2));
    button("whole video", "Show the whole video (key 0)", () => show(0, n));
    const choice = make("fieldset", { class: "tl-kinds" }, bar);
    make("legend", { class: "hidden" }, choice, "Score curves shown");
    for (const [text, kinds] of [["both kinds", KINDS], ["macro", ["macro"]], ["micro", ["micro"]]]) {
      const label = make("label", {}, choice);
      const radio = make("input", { type: "radio", name: id + "-kinds", value: kinds.join(" ") }, label);
      radio.checked = kinds.length === 2;
      radio.addEventListener("change", () => setKinds(kinds));
      label.append(" " + text);
    }
    legend(make("div", { class: "tl-legend" }, bar));

    const over = make("div", { class: "tl-over" }, root);
    const overSvg = make("svg", { "aria-hidden": "true", height: OVERVIEW }, over);
    const plot = make("div", {
      class: "tl-plot", role: "slider", tabindex: "0", "aria-label": "Place in the video",
      "aria-valuemin": "0", "aria-valuemax": String(n - 1), "aria-describedby": id + "-help",
    }, root);
    const svg = make("svg", { "aria-hidden": "true" }, plot);
    const read = make("output", { class: "tl-read" }, root);
    make("p", { class: "hidden", id: id + "-help" }, root,
      "Arrow keys move by a frame, with Shift by a second, Page Up and Page Down by half of what is shown; + and − zoom, 0 shows the whole video.");

    function legend(parent) {
      const entries = [["apex", "apex score"], ["onset", "onset score"], ["offset", "offset score"]];
      if (Object.keys(data.thresholds).length) entries.push(["threshold", "an apex needs more"]);
      for (const [name, text] of entries) {
        const item = make("span", {}, parent);
        const line = make("svg", { width: 26, height: 10, "aria-hidden": "true" }, item);
        make("path", { d: "M1 5H25", class: name === "threshold" ? name : "curve " + name }, line);
        item.append(" " + text);
      }
      const extra = [["macro", "macro event"], ["micro", "micro event"], ["gap", "no face"]];
      for (const [name, text] of extra) {
        const item = make("span", {}, parent);
        const box = make("svg", { width: 26, height: 12, "aria-hidden": "true" }, item);
        patterns(box, id + "-legend-" + name);
        if (name === "gap") make("rect", { x: 1, y: 0, width: 24, height: 12, fill: `url(#${id}-legend-gap-gap)` }, box);
        else drawEvent(box, { kind: name, onset: 2, apex: 12, offset: 22 }, (x) => 1 + x, 6, id + "-legend-" + name);
        item.append(" " + text);
      }
    }

    function patterns(parent, name) {
      const defs = make("defs", {}, parent);
      const micro = make("pattern", { id: name + "-micro", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, defs);
      make("rect", { width: 5, height: 5, class: "micro-ground" }, micro);
      make("rect", { width: 2.2, height: 5, class: "micro-line" }, micro);
      const gap = make("pattern", { id: name + "-gap", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(-45)" }, defs);
      make("rect", { width: 6, height: 6, class: "gap-ground" }, gap);
      make("rect", { width: 1.2, height: 6, class: "gap-line" }, gap);
    }

    /** Macro: a filled box with a tick at its apex. Micro: a hatched box with a diamond there. */
    function drawEvent(parent, event, x, middle, name, extra = "", share = 1) {
      const from = x(event.onset), to = Math.max(x(event.offset + 1), from + 3);
      const group = make("g", { class: "event " + event.kind + extra }, parent);
      const tall = (event.kind === "macro" ? 14 : 12) * share, half = 8 * share;
      make("rect", {
        x: from.toFixed(1), y: middle - tall / 2, width: (to - from).toFixed(1), height: tall, class: "body",
        ...(event.kind === "micro" ? { fill: `url(#${name}-micro)` } : {}),
      }, group);
      const apex = x((event.apex === null ? (event.onset + event.offset) / 2 : event.apex) + 0.5);
      const mark = event.kind === "macro"
        ? `M${apex - 1.2} ${middle - half}h2.4v${2 * half}h-2.4Z`
        : `M${apex - 5} ${middle}L${apex} ${middle - half}L${apex + 5} ${middle}L${apex} ${middle + half}Z`;
      if (event.apex !== null && to - from >= 10) make("path", { d: mark, class: "mark" }, group);
      return group;
    }

    // ---- what is drawn

    const inner = () => Math.max(50, width - LEFT - RIGHT);
    const toX = (frame) => LEFT + ((frame - view[0]) / (view[1] - view[0])) * inner();
    const toFrame = (x) => view[0] + ((x - LEFT) / inner()) * (view[1] - view[0]);
    const wholeX = (frame) => LEFT + (frame / n) * inner();

    function redraw() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; draw(); });
    }

    function path(curve, x, from, to, top, height, columns) {
      const { high, low, size } = curve.level(to - from, columns);
      const first = Math.max(0, Math.floor(from / size) - 1), last = Math.min(high.length - 1, Math.ceil(to / size) + 1);
      const y = (value) => (top + height * (1 - value / 255)).toFixed(1);
      let line = "", back = "";
      for (let i = first; i <= last; i++) {
        const at = x(Math.min(n, (i + 0.5) * size)).toFixed(1);
        line += (line ? "L" : "M") + at + " " + y(high[i]);
        if (size > 1) back = "L" + at + " " + y(low[i]) + back;
      }
      return { line, area: size > 1 ? line + back + "Z" : "" };
    }

    function draw() {
      drawOverview();
      const height = 2 * LANE + GAP + shown.length * (PANEL + GAP) + AXIS;
      svg.replaceChildren();
      svg.setAttribute("height", height);
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      patterns(svg, id);
      const clip = make("clipPath", { id: id + "-clip" }, make("defs", {}, svg));
      make("rect", { x: LEFT, y: -4, width: inner(), height: height + 8 }, clip);
      const inside = make("g", { "clip-path": `url(#${id}-clip)` }, svg);
      for (const [first, last] of data.gaps) {
        if (last < view[0] || first > view[1]) continue;
        make("rect", {
          x: toX(first).toFixed(1), y: 0, width: Math.max(1, toX(last + 1) - toX(first)).toFixed(1),
          height: height - AXIS, fill: `url(#${id}-gap)`, class: "gap",
        }, inside);
      }
      KINDS.forEach((kind, row) => {
        make("text", { x: 4, y: row * LANE + 14, class: "lane" }, svg, kind);
        make("line", { x1: LEFT, x2: LEFT + inner(), y1: row * LANE + 10, y2: row * LANE + 10, class: "rule" }, inside);
      });
      events.forEach((event, index) => {
        if (event.offset < view[0] || event.onset > view[1]) return;
        const top = KINDS.indexOf(event.kind) * LANE, [lane, count] = lanes[index];
        const extra = (index === selected ? " selected" : "") + (event.status ? " " + event.status : "");
        drawEvent(inside, event, toX, top + 2 + (16 * (lane + 0.5)) / count, id, extra, 1 / count).dataset.index = index;
      });
      shown.forEach((kind, row) => drawPanel(kind, 2 * LANE + GAP + row * (PANEL + GAP), inside));
      drawAxis(height - AXIS);
      make("line", { class: "cursor", x1: 0, x2: 0, y1: 0, y2: height - AXIS }, inside);
      make("line", { class: "hover", x1: 0, x2: 0, y1: 0, y2: height - AXIS }, inside);
      drawCursor();
    }

    function drawPanel(kind, top, inside) {
      make("text", { x: 4, y: top + 12, class: "lane" }, svg, kind);
      for (const value of [0, 0.5, 1]) {
        const y = top + (PANEL - 4) * (1 - value) + 2;
        make("line", { x1: LEFT, x2: LEFT + inner(), y1: y, y2: y, class: "rule" }, inside);
        make("text", { x: LEFT - 5, y: y + (value === 1 ? 8 : value === 0 ? 0 : 3), class: "value" }, svg, value === 0.5 ? ".5" : String(value));
      }
      const least = data.thresholds[kind];
      if (least !== undefined) {
        const y = top + (PANEL - 4) * (1 - least) + 2;
        make("line", { x1: LEFT, x2: LEFT + inner(), y1: y, y2: y, class: "threshold" }, inside);
      }
      for (const name of ["offset", "onset", "apex"]) {
        const { line, area } = path(curves[kind][name], toX, view[0], view[1], top + 2, PANEL - 4, inner());
        if (area) make("path", { d: area, class: `area ${name} ${kind}` }, inside);
        make("path", { d: line, class: `curve ${name} ${kind}` }, inside);
      }
    }

    function drawAxis(top) {
      const from = clock.seconds(view[0]), to = clock.seconds(view[1]);
      const step = STEPS.find((one) => (to - from) / one <= inner() / 80) || 86400;
      make("line", { x1: LEFT, x2: LEFT + inner(), y1: top, y2: top, class: "axis" }, svg);
      for (let k = Math.ceil(from / step - 1e-9); k * step <= to + 1e-9; k++) {
        const x = toX(clock.frame(k * step));
        if (x < LEFT - 1 || x > LEFT + inner() + 1) continue;
        make("line", { x1: x, x2: x, y1: top, y2: top + 4, class: "axis" }, svg);
        make("text", { x: clamp(x, LEFT + 10, width - 24), y: top + 16, class: "tick" }, svg, clockText(k * step, step < 1 ? 1 : 0));
      }
    }

    function drawOverview() {
      overSvg.replaceChildren();
      overSvg.setAttribute("viewBox", `0 0 ${width} ${OVERVIEW}`);
      patterns(overSvg, id + "-over");
      make("text", { x: 4, y: 19, class: "lane" }, overSvg, "all");
      make("rect", { x: LEFT, y: 1, width: inner(), height: OVERVIEW - 2, class: "frame" }, overSvg);
      for (const [first, last] of data.gaps) {
        make("rect", {
          x: wholeX(first), y: 1, width: Math.max(1, wholeX(last + 1) - wholeX(first)), height: OVERVIEW - 2,
          fill: `url(#${id}-over-gap)`,
        }, overSvg);
      }
      events.forEach((event, index) => {
        const x = wholeX(event.onset), wide = Math.max(2, wholeX(event.offset + 1) - x);
        make("rect", {
          x, y: event.kind === "macro" ? 4 : 17, width: wide, height: 9,
          class: `tiny ${event.kind}${index === selected ? " selected" : ""}`,
        }, overSvg);
      });
      make("rect", {
        x: wholeX(view[0]), y: 1, width: Math.max(3, wholeX(view[1]) - wholeX(view[0])), height: OVERVIEW - 2, class: "window",
      }, overSvg);
    }

    function drawCursor() {
      const place = (name, frame) => {
        const line = svg.querySelector("." + name);
        if (!line) return;
        const hidden = frame === null || frame < view[0] || frame > view[1];
        line.toggleAttribute("hidden", hidden);
        line.style.display = hidden ? "none" : "";
        if (!hidden) {
          line.setAttribute("x1", toX(frame + 0.5));
          line.setAttribute("x2", toX(frame + 0.5));
        }
      };
      place("cursor", cursor);
      place("hover", hover);
      const text = told(hover === null ? cursor : hover);
      read.textContent = text;
      plot.setAttribute("aria-valuenow", String(cursor));
      plot.setAttribute("aria-valuetext", told(cursor));
    }

    function told(frame) {
      const parts = [`${clockText(clock.seconds(frame))}, frame ${frame}`];
      if (data.gaps.some(([first, last]) => first <= frame && frame <= last)) parts.push("no face");
      for (const kind of shown) {
        const values = NAMES.map((name) => `${name} ${curves[kind][name].at(frame).toFixed(2)}`);
        parts.push(`${kind}: ${values.join(", ")}`);
      }
      events.forEach((event, index) => {
        if (event.onset <= frame && frame <= event.offset) parts.push(`in ${event.kind} event ${event.number || index + 1}`);
      });
      return parts.join(" · ");
    }

    // ---- what can be done

    function show(from, to) {
      const span = clamp(to - from, shortest, n);
      const start = clamp(from + (to - from - span) / 2, 0, n - span);
      view = [start, start + span];
      redraw();
    }

    function zoom(factor, at = null) {
      const span = view[1] - view[0];
      const inView = cursor >= view[0] && cursor <= view[1];
      const middle = at === null ? (inView ? cursor : (view[0] + view[1]) / 2) : at;
      const next = clamp(span * factor, shortest, n);
      const share = (middle - view[0]) / span;
      show(middle - share * next, middle + (1 - share) * next);
    }

    function setCursor(frame, tell = true) {
      cursor = clamp(Math.round(frame), 0, n - 1);
      if (cursor < view[0] || cursor >= view[1]) {
        const span = view[1] - view[0];
        show(cursor - span / 2, cursor + span / 2);
      }
      drawCursor();
      if (tell && hooks.onCursor) hooks.onCursor(cursor);
    }

    function select(index, { focus = true, tell = true } = {}) {
      selected = index;
      const event = events[index];
      if (event && focus) {
        const span = Math.max(6 * (event.offset + 1 - event.onset), 3 * data.fps);
        const middle = (event.onset + event.offset + 1) / 2;
        show(middle - span / 2, middle + span / 2);
        setCursor(event.apex === null ? Math.round(middle) : event.apex);
      }
      redraw();
      if (tell && hooks.onSelect) hooks.onSelect(index);
    }

    function setEvents(next) { events = next; lanes = lanesOf(events); redraw(); }
    function setKinds(kinds) { shown = kinds; redraw(); }

    // ---- mouse, touch and keys

    const xOf = (event) => event.clientX - plot.getBoundingClientRect().left;

    /** The event whose bar is at, or within 5 px beside, the mouse; -1 if none is. */
    function hit(event) {
      const box = plot.getBoundingClientRect();
      const x = event.clientX - box.left, y = event.clientY - box.top, kind = KINDS[Math.floor(y / LANE)];
      let best = -1, nearest = 5;
      events.forEach((one, index) => {
        const [lane, count] = lanes[index];
        const aside = Math.floor(((y % LANE) - 2) / (16 / count)) === lane ? 0 : 4;
        const distance = Math.max(toX(one.onset) - x, x - toX(one.offset + 1), 0) + aside;
        if (one.kind === kind && distance < nearest) { nearest = distance; best = index; }
      });
      return best;
    }

    let drag = null;
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      drag = { x: xOf(event), view: [...view], moved: false };
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      const x = xOf(event);
      hover = x < LEFT || x > LEFT + inner() ? null : clamp(Math.floor(toFrame(x)), 0, n - 1);
      if (drag && Math.abs(x - drag.x) > 3) drag.moved = true;
      if (drag && drag.moved) {
        const shift = ((x - drag.x) / inner()) * (view[1] - view[0]);
        show(drag.view[0] - shift, drag.view[1] - shift);
      }
      plot.classList.toggle("over-event", !drag && hit(event) >= 0);
      drawCursor();
    });
    plot.addEventListener("pointerup", (event) => {
      if (drag && !drag.moved) {
        const index = hit(event);
        if (index >= 0) select(index);
        else if (xOf(event) >= LEFT) setCursor(Math.floor(toFrame(xOf(event))));
      }
      drag = null;
    });
    plot.addEventListener("pointercancel", () => { drag = null; });
    plot.addEventListener("pointerleave", () => { hover = null; drawCursor(); });
    plot.addEventListener("dblclick", (event) => zoom(0.5, toFrame(xOf(event))));
    plot.addEventListener("wheel", (event) => {
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      // a page that scrolls must not stop at the timeline: the wheel zooms once it was clicked, or with Ctrl
      if (!sideways && !event.ctrlKey && !event.metaKey && document.activeElement !== plot) return;
      event.preventDefault();
      const amount = (event.deltaMode === 1 ? 16 : 1) * (sideways ? event.deltaX || event.deltaY : event.deltaY);
      if (sideways) {
        const shift = (amount / inner()) * (view[1] - view[0]);
        show(view[0] + shift, view[1] + shift);
      } else zoom(Math.exp(clamp(amount, -200, 200) / 300), toFrame(xOf(event)));
    }, { passive: false });

    const overTo = (event) => {
      const box = over.getBoundingClientRect();
      const at = ((event.clientX - box.left - LEFT) / inner()) * n, span = view[1] - view[0];
      show(at - span / 2, at + span / 2);
    };
    over.addEventListener("pointerdown", (event) => { over.setPointerCapture(event.pointerId); overTo(event); });
    over.addEventListener("pointermove", (event) => { if (event.buttons & 1) overTo(event); });

    plot.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const second = Math.round(data.fps), page = Math.max(1, Math.round((view[1] - view[0]) / 2));
      const steps = {
        ArrowLeft: event.shiftKey ? -second : -1, ArrowRight: event.shiftKey ? second : 1,
        ArrowDown: event.shiftKey ? -second : -1, ArrowUp: event.shiftKey ? second : 1, PageDown: -page, PageUp: page,
      };
      if (event.key in steps) setCursor(cursor + steps[event.key]);
      else if (event.key === "Home") setCursor(0);
      else if (event.key === "End") setCursor(n - 1);
      else if (event.key === "+" || event.key === "=") zoom(0.5);
      else if (event.key === "-" || event.key === "−") zoom(2);
      else if (event.key === "0") show(0, n);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });

    new ResizeObserver(() => {
      const wide = Math.round(plot.clientWidth);
      if (wide > 0 && wide !== width) { width = wide; draw(); }
    }).observe(plot);
    width = Math.round(plot.clientWidth) || width;
    draw();
    return {
      element: root, select, show, zoom, setCursor, setEvents, setKinds, clock,
      get view() { return [...view]; }, get cursor() { return cursor; }, get selected() { return selected; },
    };
  }

  return { create, make, clockText };
})();
