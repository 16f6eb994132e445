// The worklist: sorted by any column, filtered, and in which order the case pages follow each other.
report.worklist = (function () {
  const table = document.getElementById("worklist-table");
  const body = table && table.tBodies[0];
  const rows = body ? [...body.rows] : [];
  const shown = document.getElementById("worklist-shown");
  const wanted = { text: "", truth: "", missing: "" };

  function sortValue(row, column) {
    const text = row.cells[column].dataset.sort;
    const number = Number(text);
    return text !== "" && Number.isFinite(number) ? number : text;
  }

  function compare(first, second) {
    if (typeof first === "number" && typeof second === "number") return first - second;
    return String(first).localeCompare(String(second), undefined, { numeric: true });
  }

  function sort(header) {
    const column = header.cellIndex;
    const down = header.getAttribute("aria-sort") !== "descending";
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    arrange(column, down);
  }

  function arrange(column, down) {
    const keyed = rows.map((row) => [sortValue(row, column), row]);
    keyed.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
    rows.splice(0, rows.length, ...keyed.map((pair) => pair[1]));
    body.append(...rows);
  }

  function fits(row) {
    if (wanted.text && !row.textContent.toLowerCase().includes(wanted.text)) return false;
    if (wanted.truth && !row.dataset.truth.split(" ").includes(wanted.truth)) return false;
    return !wanted.missing || (wanted.missing === "some") === (row.dataset.missing !== "");
  }

  function filter() {
    for (const row of rows) row.hidden = !fits(row);
    shown.textContent = order().length + " of " + rows.length + " shown";
  }

  function order() {
    return rows.filter((row) => !row.hidden).map((row) => row.dataset.case);
  }

  function score(cell, value) {
    cell.dataset.sort = value === null ? "-1" : value;
    cell.textContent = report.score(value);
    cell.style.setProperty("--share", 100 * Math.min(Math.max(value || 0, 0), 1) + "%");
  }

  function use(fuser) {
    const places = new Map(report.data.cases.map((id, k) => [id, k]));
    for (const row of rows) {
      for (const cell of row.querySelectorAll("td.score")) {
        const numbers = report.data.scores[cell.dataset.target][fuser];
        score(cell, numbers ? numbers[places.get(row.dataset.case)] : null);
      }
    }
    const sorted = table.tHead.querySelector("[aria-sort]");
    if (sorted) arrange(sorted.cellIndex, sorted.getAttribute("aria-sort") === "descending");
  }

  function step(by) {
    const links = rows.filter((row) => !row.hidden).map((row) => row.querySelector("a"));
    const next = links[Math.max(0, links.indexOf(document.activeElement) + by)];
    if (next) next.focus();
  }

  function focus(id) {
    const row = rows.find((one) => one.dataset.case === id);
    if (row) row.querySelector("a").focus({ preventScroll: false });
  }

  function start() {
    if (!table) return;
    table.tHead.querySelectorAll("th button").forEach((button) => {
      button.addEventListener("click", () => sort(button.parentNode));
    });
    for (const name of Object.keys(wanted)) {
      document.getElementById("filter-" + name).addEventListener("input", (event) => {
        wanted[name] = event.target.value.trim().toLowerCase();
        filter();
      });
    }
    const fuser = document.getElementById("worklist-fuser");
    fuser.addEventListener("change", () => use(fuser.value));
    filter();
  }

  return { start, order, step, focus };
})();
