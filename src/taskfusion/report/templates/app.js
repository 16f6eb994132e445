// Which page is shown, and the keyboard.
report.app = (function () {
  const summary = document.getElementById("summary");
  const page = document.getElementById("case");
  const help = document.getElementById("help");
  const place = { id: null, view: null, scroll: 0 };

  function asked() {
    const found = new URLSearchParams(location.hash.slice(1));
    return { id: found.get("case"), view: found.get("view") };
  }

  function route() {
    const { id, view } = asked();
    if (id !== null && report.data.cases.includes(id)) showCase(id, view);
    else showSummary();
  }

  function showCase(id, view) {
    if (place.id === null) place.scroll = scrollY;
    const fresh = place.id !== id;
    Object.assign(place, { id, view });
    summary.hidden = true;
    page.hidden = false;
    document.body.classList.add("reading");
    report.casePage.show(id, view);
    neighbours(id);
    if (fresh) {
      scrollTo(0, 0);
      page.querySelector("h1").focus({ preventScroll: true });
    }
  }

  function showSummary() {
    const last = place.id;
    place.id = null;
    if (page) page.hidden = true; // without predictions there is no case
    summary.hidden = false;
    document.body.classList.remove("reading");
    if (last === null) return;
    dispatchEvent(new Event("resize")); // charts that were hidden find their width again
    const wanted = location.hash.slice(1);
    if (wanted !== "worklist-rows" && wanted !== "" && document.getElementById(wanted)) return; // another section
    scrollTo({ top: place.scroll, behavior: "instant" });
    report.worklist.focus(last);
  }

  function neighbours(id) {
    const order = report.worklist.order();
    const row = order.indexOf(id);
    page.querySelector(".position").textContent = row < 0 ? "" : row + 1 + " of " + order.length;
    for (const [name, by] of [["previous", -1], ["next", 1]]) {
      const link = page.querySelector("." + name);
      const other = order[row + by];
      if (row < 0 || other === undefined) link.removeAttribute("href");
      else link.href = report.link(other);
    }
  }

  function go(name) {
    const link = page.querySelector("." + name);
    if (link.hasAttribute("href")) location.hash = link.getAttribute("href");
  }

  function back() {
    if (place.view !== null) location.hash = report.link(place.id);
    else location.hash = "#worklist-rows";
  }

  function enlarge(number) {
    const view = report.viewer.views()[number - 1];
    if (view !== undefined) location.hash = report.link(place.id, view === place.view ? undefined : view);
  }

  function toggleHelp() {
    if (help.open) help.close();
    else help.showModal();
  }

  const onCase = {
    j: () => go("next"), ArrowRight: () => go("next"), k: () => go("previous"), ArrowLeft: () => go("previous"),
    b: () => report.viewer.toggle("boxes"), t: () => report.viewer.toggle("truth"),
    h: () => report.viewer.toggleHeat(), i: () => report.viewer.toggle("invert"),
    0: () => report.viewer.reset(), "+": () => report.viewer.zoomAll(1.4), "-": () => report.viewer.zoomAll(1 / 1.4),
    Escape: back,
  };
  const onSummary = { j: () => report.worklist.step(1), k: () => report.worklist.step(-1) };

  function press(event) {
    const field = event.target.closest("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (field && (field.type !== "range" || event.key.startsWith("Arrow")) && event.key !== "Escape") return;
    const act = event.key === "?" ? toggleHelp : (place.id === null ? onSummary : onCase)[event.key];
    if (act) act();
    else if (place.id !== null && /^[1-9]$/.test(event.key)) enlarge(Number(event.key));
    else return;
    event.preventDefault();
  }

  function start() {
    report.operating.start();
    report.worklist.start();
    addEventListener("hashchange", route);
    addEventListener("keydown", press);
    document.querySelectorAll("[data-help]").forEach((one) => one.addEventListener("click", toggleHelp));
    route();
  }

  return { start };
})();

report.app.start();
