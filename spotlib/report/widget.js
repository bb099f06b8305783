// The widget in JupyterLab: the timeline with the frame beside it, and the review. Python reads frames and keeps decisions.
function render({ model, el }) {
  const { make, clockText } = SpotTimeline;
  el.classList.add("spot-widget-box");
  // JupyterLab would take letters typed in here for commands of the notebook: x cuts the cell
  const root = make("div", { class: "spotlib spot-widget", "data-lm-suppress-shortcuts": "true" }, el);
  const about = model.get("about");
  let items = model.get("items");
  let index = -1, wanted = null, asked = false, timer = null;

  const head = make("div", { class: "w-head" }, root);
  make("strong", {}, head, about.video);
  if (about.synthetic) make("span", { class: "w-synthetic" }, head, about.synthetic);
  const progress = make("span", { class: "w-soft", role: "status" }, head);
  make("span", { class: "w-soft" }, head, about.file ? `kept in ${about.file}` : "not kept in a file");

  const main = make("div", { class: "w-main" }, root);
  const left = make("div", {}, main);
  const figure = make("figure", { class: "w-frame" }, make("div", {}, main));
  const picture = make("img", { alt: "The frame at the cursor" }, figure);
  const caption = make("figcaption", {}, figure);
  const timeline = SpotTimeline.create(left, { ...model.get("data"), events: drawn() }, { onSelect: choose, onCursor: ask });

  // ---- the review

  const review = make("div", { class: "w-review" }, root);
  const loopBox = make("figure", { class: "w-loop" }, review);
  const loop = make("img", { alt: "" }, loopBox);
  const play = make("button", { type: "button", "aria-pressed": "false" }, loopBox, "Play");
  const panel = make("div", { class: "w-event" }, review);
  const title = make("div", { class: "w-row", role: "status" }, panel);
  const reasons = make("div", { class: "w-warn" }, panel);
  const row = make("div", { class: "w-row" }, panel);
  const button = (parent, text, label, act) => {
    const element = make("button", { type: "button", title: label }, parent, text);
    element.addEventListener("click", act);
    return element;
  };
  const buttons = {
    next: button(row, "Next doubtful (n)", "Go to the most doubtful event that is open", next),
    accept: button(row, "Accept (a)", "The event stands as it was found", () => decide("accept")),
    reject: button(row, "Reject (x)", "Nothing is there", () => decide("reject")),
    reopen: button(row, "Undo (u)", "Take the decision back", () => decide("reopen")),
  };
  const form = make("div", { class: "w-row" }, panel);
  const fields = {};
  for (const name of ["onset", "apex", "offset"]) {
    const label = make("label", {}, form, name);
    fields[name] = make("input", { type: "number", min: "0", max: String(model.get("data").n_frames - 1), step: "1" }, label);
    button(form, "here", `Take the cursor's frame as ${name}`, () => { fields[name].value = timeline.cursor; });
  }
  const kindLabel = make("label", {}, form, "kind");
  fields.kind = make("select", {}, kindLabel);
  for (const kind of ["macro", "micro"]) make("option", { value: kind }, fields.kind, kind);
  buttons.adjust = button(form, "Adjust", "Keep the event with these frames and this kind", () => decide("adjust"));
  buttons.add = button(form, "Add as new", "An event that was missed, with these frames and this kind", () => decide("add"));
  const message = make("div", { class: "w-warn", role: "alert" }, panel);

  function drawn() {
    return items.map((item) => ({ ...item, status: item.decision }));
  }

  function values() {
    const number = (text) => (text === "" ? null : Math.round(Number(text)));
    return { onset: number(fields.onset.value), apex: number(fields.apex.value), offset: number(fields.offset.value), kind: fields.kind.value };
  }

  function decide(decision) {
    if (decision !== "add" && index < 0) return;
    message.textContent = "";
    model.send({ type: "decide", decision, index, ...values() });
  }

  function next() {
    const open = items.map((item, i) => [item, i]).filter(([item]) => item.decision === "open");
    open.sort(([a], [b]) => b.doubt - a.doubt || a.onset - b.onset);
    if (open.length) timeline.select(open[0][1]);
    else timeline.select(-1);
  }

  function choose(chosen) {
    index = chosen;
    show();
    stop();
    loop.removeAttribute("src");
    if (index >= 0) model.send({ type: "loop", index });
  }

  function show() {
    const item = items[index];
    const open = items.filter((one) => one.decision === "open").length;
    progress.textContent = items.length ? `${items.length - open} of ${items.length} events reviewed` : "no event";
    title.textContent = "";
    reasons.textContent = "";
    for (const name of ["accept", "reject", "reopen", "adjust"]) buttons[name].disabled = !item;
    buttons.next.disabled = !open;
    if (!item) {
      title.textContent = open ? "Choose an event in the timeline, or start with the most doubtful one." : "No event is open.";
      return;
    }
    buttons.reopen.disabled = item.decision === "open" || item.decision === "add";
    buttons.accept.disabled = item.decision === "add";
    const at = clockText(timeline.clock.seconds(item.onset));
    make("strong", {}, title, item.number ? `Event ${item.number}, ${item.kind}, ${at}` : `New ${item.kind}, ${at}`);
    const score = item.score === null ? "no score" : `score ${Number(item.score.toPrecision(2))}`;
    make("span", { class: "w-soft" }, title, item.number ? `${score}, doubt ${item.doubt.toFixed(2)}` : "added by hand");
    make("span", { class: "w-state" }, title, { open: "open", accept: "✓ accepted", reject: "✗ rejected", adjust: "✎ adjusted", add: "✎ added" }[item.decision]);
    reasons.textContent = item.reasons.join("; ");
    for (const name of ["onset", "apex", "offset"]) fields[name].value = item[name] === null ? "" : item[name];
    fields.kind.value = item.kind;
  }

  // ---- frames: one question at a time, the latest wins

  function ask(frame) {
    wanted = frame;
    if (!asked) send();
  }
  function send() {
    if (wanted === null) return;
    asked = true;
    model.send({ type: "frame", frame: wanted });
    wanted = null;
  }
  const urls = new Set();
  function urlOf(buffer) {
    const url = URL.createObjectURL(new Blob([buffer], { type: "image/jpeg" }));
    urls.add(url);
    return url;
  }
  function drop(url) {
    if (urls.delete(url)) URL.revokeObjectURL(url);
  }

  function receive(content, buffers) {
    if (content.type === "frame") {
      asked = false;
      const before = picture.src;
      const when = `frame ${content.frame}, ${clockText(timeline.clock.seconds(content.frame))}`;
      if (buffers.length) {
        picture.src = urlOf(buffers[0]);
        picture.alt = `The video at ${when}`;
        drop(before);
      }
      caption.textContent = content.error || when;
      send();
    } else if (content.type === "loop" && content.index === index) {
      stop();
      (loop.sources || []).forEach(drop);
      loop.sources = buffers.map(urlOf);
      loop.alt = buffers.length ? "The face from onset to offset, motion magnified" : "No pictures of this event";
      loopBox.hidden = !buffers.length;
      if (buffers.length) loop.src = loop.sources[0];
      if (buffers.length > 1 && !matchMedia("(prefers-reduced-motion: reduce)").matches) start();
    } else if (content.type === "decided") {
      message.textContent = content.error || "";
      if (!content.error && content.select !== undefined) timeline.select(content.select);
    }
  }
  function start() {
    let at = 0;
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(() => {
      at = (at + 1) % loop.sources.length;
      loop.src = loop.sources[at];
      if (!root.isConnected) stop();
    }, Math.max(70, 1600 / loop.sources.length));
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  }
  play.addEventListener("click", () => { if (timer) stop(); else if (loop.sources && loop.sources.length > 1) start(); });

  // ---- keys, and news from Python

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input[type=number], select")) return;
    const order = items.map((_, i) => i).sort((a, b) => items[a].onset - items[b].onset);
    const step = (by) => order.length && timeline.select(order[Math.min(order.length - 1, Math.max(0, order.indexOf(index) + by))]);
    const acts = {
      n: next, a: () => decide("accept"), x: () => decide("reject"), u: () => decide("reopen"),
      j: () => step(1), k: () => step(-1), "+": () => timeline.zoom(0.5), "-": () => timeline.zoom(2),
    };
    if (!(event.key in acts)) return;
    acts[event.key]();
    event.preventDefault();
    event.stopPropagation();
  });
  const changed = () => {
    items = model.get("items");
    if (index >= items.length) index = -1;
    timeline.setEvents(drawn());
    show();
  };
  model.on("change:items", changed);
  model.on("msg:custom", receive);
  show();
  loopBox.hidden = true;
  ask(0);
  return () => {
    model.off("change:items", changed);
    model.off("msg:custom", receive);
    stop();
    urls.forEach((url) => URL.revokeObjectURL(url));
  };
}
export default { render };
