// The pictures of a case, hung as radiologists hang them: right breast left, left breast right, chest walls meeting.
report.viewer = (function () {
  const SIDE = /^(l|r|left|right)[-_ ]*(.+)$/i;
  const PROJECTION = /^(cc|mlo|ml|lm|xccl|xccm)$/i;
  const DEEPEST = 12;
  // Kept from case to case: who switches boxes off means it.
  const state = { boxes: true, truth: true, heat: "", minimum: 0.1, level: 50, width: 100, invert: false };
  let frames = [];

  function parsed(name) {
    const found = SIDE.exec(name);
    if (!found || !PROJECTION.test(found[2])) return null;
    return { side: found[1][0].toUpperCase(), projection: found[2].toUpperCase() };
  }

  // Rows of places; a place is a picture, or the name of a view that is not there.
  function hang(pictures) {
    const known = pictures.map((picture) => ({ picture, ...parsed(picture.view) }));
    const named = known.filter((one) => one.side);
    const projections = [...new Set(["CC", "MLO", ...named.map((one) => one.projection)])];
    const places = !named.length ? [] : projections.flatMap((projection) => ["R", "L"].map((side) => {
      const found = named.find((one) => one.side === side && one.projection === projection);
      return found || { side, projection, picture: { view: side + "-" + projection, source: "", problem: "not there" } };
    }));
    const placed = new Set(places.map((one) => one.picture));
    return [...places, ...known.filter((one) => !placed.has(one.picture))];
  }

  function mirrored(place) {
    const wall = place.side === "R" ? "right" : "left";
    return Boolean(place.side && place.picture.wall && place.picture.wall !== wall);
  }

  function aligned(place) {
    return (place.side === "R" ? "xMax" : place.side === "L" ? "xMin" : "xMid") + "YMid meet";
  }

  function edges(mark, frame) {
    const { width, height } = frame.picture;
    const [left, top, right, bottom] = mark.box;
    const [from, to] = frame.mirrored ? [1 - right, 1 - left] : [left, right];
    return { x: from * width, y: top * height, width: (to - from) * width, height: (bottom - top) * height };
  }

  function boxOf(mark, frame) {
    const truth = mark.score === null;
    const color = report.data.colors[mark.label];
    const place = edges(mark, frame);
    const kind = "mark " + (truth ? "true" : "found") + (mark.used ? " used" : "");
    const group = report.svg("g", { class: kind, "data-score": truth ? 1 : mark.score });
    const late = place.x + place.width / 2 > frame.picture.width * 0.6; // a long label would leave the picture
    const anchor = late ? { x: place.x + place.width, "text-anchor": "end" } : { x: place.x };
    const text = report.svg("text", { ...anchor, y: place.y, fill: color });
    text.textContent = (truth ? "true: " : "") + report.words(mark.label) + (truth ? "" : " " + mark.score.toFixed(2));
    const high = place.y < frame.picture.height * 0.06;
    if (truth || high) report.dress(text, { class: "below", y: place.y + place.height });
    const title = report.svg("title");
    title.textContent = text.textContent + (truth ? "" : " · " + mark.task + (mark.used ? " · used by the fuser" : ""));
    group.append(report.svg("rect", { ...place, stroke: color }), text, title);
    return group;
  }

  function overlap(first, second) {
    const shared = (low, high) => Math.max(0, Math.min(first[high], second[high]) - Math.max(first[low], second[low]));
    const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
    const both = shared(0, 2) * shared(1, 3);
    return both / (area(first) + area(second) - both);
  }

  // A box that a surer one covers says its name only when it is pointed at: names on each other cannot be read.
  function covered(mark, surer) {
    return mark.score !== null && surer.some((other) => other.score !== null && overlap(mark.box, other.box) > 0.3);
  }

  function drawing(frame) {
    const { picture } = frame;
    const size = { width: picture.width, height: picture.height, preserveAspectRatio: "none" };
    const turn = frame.mirrored ? { transform: "translate(" + picture.width + " 0) scale(-1 1)" } : {};
    const pixels = report.svg("g", turn);
    pixels.append(report.svg("image", { ...size, href: picture.source, filter: "url(#window)" }));
    for (const [task, href] of Object.entries(picture.heat)) {
      pixels.append(report.svg("image", { ...size, href, class: "heat", "data-task": task }));
    }
    const marks = report.svg("g");
    const drawn = picture.marks.map((mark) => boxOf(mark, frame));
    picture.marks.forEach((mark, k) => drawn[k].classList.toggle("under", covered(mark, picture.marks.slice(0, k))));
    marks.append(...drawn.reverse()); // the surest on top
    frame.svg.append(pixels, marks);
  }

  function look(frame) {
    const { x, y, width, height } = frame.at;
    frame.svg.setAttribute("viewBox", [x, y, width, height].join(" "));
    const matrix = frame.svg.getScreenCTM();
    if (matrix && matrix.a) frame.svg.style.setProperty("--px", 1 / matrix.a);
  }

  function home(frame) {
    frame.at = { x: 0, y: 0, width: frame.picture.width, height: frame.picture.height };
    look(frame);
  }

  function point(frame, event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(frame.svg.getScreenCTM().inverse());
  }

  function within(value, low, high) { return Math.min(Math.max(value, low), high); }

  function pan(frame, x, y) {
    frame.at.x = within(x, 0, frame.picture.width - frame.at.width);
    frame.at.y = within(y, 0, frame.picture.height - frame.at.height);
    look(frame);
  }

  function zoom(frame, factor, center) {
    const width = within(frame.at.width / factor, frame.picture.width / DEEPEST, frame.picture.width);
    const scale = width / frame.at.width;
    frame.at.width = width;
    frame.at.height *= scale;
    pan(frame, center.x - (center.x - frame.at.x) * scale, center.y - (center.y - frame.at.y) * scale);
  }

  function zoomAll(factor) {
    for (const frame of frames) {
      zoom(frame, factor, { x: frame.at.x + frame.at.width / 2, y: frame.at.y + frame.at.height / 2 });
    }
  }

  // One finger or button pans, two fingers pinch, shift or the right button changes window and level.
  function listen(frame) {
    const touching = new Map();
    const { svg } = frame;
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(frame, Math.exp(-event.deltaY * 0.002), point(frame, event));
    }, { passive: false });
    svg.addEventListener("dblclick", (event) => {
      if (frame.at.width < frame.picture.width * 0.98) home(frame);
      else zoom(frame, 2.5, point(frame, event));
    });
    svg.addEventListener("contextmenu", (event) => event.preventDefault());
    svg.addEventListener("pointerdown", (event) => {
      svg.setPointerCapture(event.pointerId);
      touching.set(event.pointerId, event);
    });
    svg.addEventListener("pointermove", (event) => {
      const before = touching.get(event.pointerId);
      if (before) drag(frame, touching, before, event);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      svg.addEventListener(end, (event) => touching.delete(event.pointerId));
    }
  }

  function drag(frame, touching, before, event) {
    touching.set(event.pointerId, event);
    if (touching.size === 2) {
      const other = [...touching.values()].find((one) => one.pointerId !== event.pointerId);
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      zoom(frame, apart(event) / Math.max(apart(before), 1), point(frame, event));
    } else if (event.shiftKey || event.buttons === 2) {
      setWindow(state.level - (event.clientY - before.clientY) / 5, state.width + (event.clientX - before.clientX) / 3);
    } else {
      const [from, to] = [point(frame, before), point(frame, event)];
      pan(frame, frame.at.x + from.x - to.x, frame.at.y + from.y - to.y);
    }
  }

  function setWindow(level, width) {
    state.level = within(level, 0, 100);
    state.width = within(width, 2, 200);
    apply();
  }

  // Everything the tools say, put onto the pictures.
  function apply() {
    const root = document.querySelector(".viewer");
    if (!root) return;
    const slope = (state.invert ? -100 : 100) / state.width;
    const intercept = 0.5 - (slope * state.level) / 100;
    document.querySelectorAll("#window feFuncR, #window feFuncG, #window feFuncB").forEach((channel) => {
      report.dress(channel, { slope, intercept });
    });
    root.classList.toggle("no-boxes", !state.boxes);
    root.classList.toggle("no-truth", !state.truth);
    root.querySelectorAll(".heat").forEach((layer) => { layer.style.display = layer.dataset.task === state.heat ? "" : "none"; });
    root.querySelectorAll(".found").forEach((mark) => {
      mark.style.display = Number(mark.dataset.score) < state.minimum ? "none" : "";
    });
    reflect(root);
  }

  function reflect(root) {
    for (const name of ["boxes", "truth", "invert"]) {
      root.querySelector("[data-tool=" + name + "]").setAttribute("aria-pressed", state[name]);
    }
    root.querySelectorAll("[data-heat]").forEach((one) => one.setAttribute("aria-pressed", one.dataset.heat === state.heat));
    for (const name of ["minimum", "level", "width"]) {
      const slider = root.querySelector("[data-slider=" + name + "]");
      if (!slider) continue;
      slider.value = state[name];
      slider.nextSibling.textContent = name === "minimum" ? state.minimum.toFixed(2) : Math.round(state[name]) + " %";
    }
  }

  function toggle(name) {
    state[name] = !state[name];
    apply();
  }

  // Off, then task by task.
  function toggleHeat(tasks) {
    const known = tasks || tasksWithHeat();
    state.heat = ["", ...known][(known.indexOf(state.heat) + 2) % (known.length + 1)];
    apply();
  }

  function tasksWithHeat() {
    return [...new Set(frames.flatMap((frame) => Object.keys(frame.picture.heat)))];
  }

  function reset() {
    frames.forEach(home);
    state.invert = false;
    setWindow(50, 100);
  }

  function button(text, key, attributes, act) {
    const made = report.element("button", { type: "button", title: "key: " + key, ...attributes }, text);
    made.addEventListener("click", act);
    return made;
  }

  function slider(name, text, range) {
    const input = report.element("input", { type: "range", "data-slider": name, ...range });
    input.addEventListener("input", () => { state[name] = Number(input.value); apply(); });
    return report.element("label", {}, text + " ", input, report.element("output"));
  }

  function tools(pictures) {
    const marks = pictures.flatMap((picture) => picture.marks);
    const found = marks.some((mark) => mark.score !== null);
    const truth = marks.some((mark) => mark.score === null);
    const heat = tasksWithHeat().map((task) => button("Heat: " + task, "h", { "data-heat": task }, () => {
      state.heat = state.heat === task ? "" : task;
      apply();
    }));
    return report.element("div", { class: "tools", role: "toolbar", "aria-label": "Pictures" },
      button("Boxes", "b", { "data-tool": "boxes", disabled: !found }, () => toggle("boxes")),
      button("Truth", "t", { "data-tool": "truth", disabled: !truth }, () => toggle("truth")),
      ...heat,
      found ? slider("minimum", "Score ≥", { min: 0, max: 1, step: 0.01 }) : null,
      slider("level", "Level", { min: 0, max: 100, step: 1 }),
      slider("width", "Window", { min: 2, max: 200, step: 1 }),
      button("Invert", "i", { "data-tool": "invert" }, () => toggle("invert")),
      button("Reset", "0", {}, reset));
  }

  function legend(pictures) {
    const labels = [...new Set(pictures.flatMap((picture) => picture.marks.map((mark) => mark.label)))].sort();
    const entries = labels.map((label) => report.element("span", { style: "--color:" + report.data.colors[label] }, report.words(label)));
    return report.element("div", { class: "legend" }, ...entries,
      labels.length ? report.element("em", {}, "solid: found · bold: used by the fuser · dashed: true") : null);
  }

  function caption(place, said, id) {
    const { picture } = place;
    const name = report.element("a", { href: report.link(id, picture.view) }, picture.view);
    const turned = mirrored(place) ? report.element("span", { class: "turned", title: "its file shows it the other way round" }, "mirrored") : null;
    return report.element("figcaption", {}, name, report.element("span", {}, said), turned);
  }

  function numbers(picture) {
    const round = (value) => Math.round(value).toLocaleString("en");
    return picture.width + " × " + picture.height + " px of " + picture.columns + " × " + picture.rows +
      " · black " + round(picture.low) + ", white " + round(picture.high);
  }

  function view(place, said, id) {
    const { picture } = place;
    const made = report.element("figure", { class: "view" + (place.side ? " side-" + place.side : ""), "data-view": picture.view }, caption(place, said, id));
    if (!picture.source) {
      made.append(report.element("p", { class: "absent" }, picture.problem || "no picture"));
      return made;
    }
    const label = "View " + picture.view + ", " + picture.marks.length + " boxes";
    const svg = report.svg("svg", { role: "img", "aria-label": label, preserveAspectRatio: aligned(place), tabindex: 0 });
    const frame = { svg, picture, mirrored: mirrored(place) };
    drawing(frame);
    home(frame);
    listen(frame);
    frames.push(frame);
    made.append(svg, report.element("small", {}, numbers(picture)));
    return made;
  }

  // The viewer of a case; `said` gives per view what tasks of level view say.
  function build(page, said) {
    frames = [];
    const places = hang(page.pictures);
    const views = places.map((place) => view(place, said[place.picture.view] || "", page.case));
    const hung = places.some((place) => place.side) ? " hung" : "";
    const count = Math.min(places.length, 3);
    const grid = report.element("div", { class: "views" + hung, style: "--columns:" + (hung ? 2 : count) }, ...views);
    return report.element("section", { class: "viewer", "aria-label": "Pictures" }, tools(page.pictures), grid, legend(page.pictures));
  }

  // After it stands in the page: sizes are known now.
  function shown(only) {
    document.querySelectorAll(".view").forEach((one) => {
      one.classList.toggle("alone", one.dataset.view === only);
      one.hidden = only !== null && one.dataset.view !== only;
    });
    const views = document.querySelector(".views");
    if (views) views.classList.toggle("single", only !== null);
    frames.forEach(look);
    apply();
  }

  addEventListener("resize", () => frames.forEach(look));
  return { build, shown, toggle, toggleHeat, reset, zoomAll, views: () => [...document.querySelectorAll(".view")].map((one) => one.dataset.view) };
})();
