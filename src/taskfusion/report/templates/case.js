// The page of one patient: pictures left, and right the fused score, where it comes from, and what each task said.
report.casePage = (function () {
  const { element } = report;
  const sources = new Map([...document.querySelectorAll("script.case")].map((one) => [one.dataset.case, one]));
  const root = document.getElementById("case");
  let fuser = report.data.fusers[0];
  let open = null; // the id that stands on the page

  // Cases are read when they are looked at: a page of 200 opens as fast as one of 2.
  function read(id) {
    const bare = { case: id, tasks: {}, contributions: {}, missing: [], filled: {}, problems: {}, pictures: [], facts: {} };
    const found = sources.get(id);
    return found ? JSON.parse(found.textContent) : bare;
  }

  function truths(row) {
    return report.data.targets.map((target) => {
      const truth = report.data.truths[target][row];
      return element("span", { class: "truth " + truth }, target + ": " + truth);
    });
  }

  function fused(row, target) {
    const scores = report.data.scores[target][fuser];
    return scores ? scores[row] : null;
  }

  // A bar on a scale of [lowest, highest].
  function bar(from, to, kind, scale) {
    const [left, right] = [Math.min(from, to), Math.max(from, to)].map((value) => (100 * (value - scale[0])) / (scale[1] - scale[0]));
    const style = "left:" + left + "%;width:" + Math.max(right - left, 0.6) + "%";
    return element("span", { class: "track" }, element("i", { class: kind, style }));
  }

  function step(name, value, shape) {
    return element("li", {}, element("span", { class: "name" }, name), shape, element("span", { class: "value" }, value));
  }

  function signed(value) {
    return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);
  }

  // From what the fuser says when it knows nothing to the score, task by task.
  function waterfall(parts, score) {
    const { base, ...tasks } = parts;
    // Where scores add up to more than 1 on the way, the scale is longer than that.
    let reached = base;
    const stops = [0, 1, base, ...Object.values(tasks).map((value) => (reached += value))];
    const scale = [Math.min(...stops), Math.max(...stops)];
    reached = base;
    const steps = Object.entries(tasks).map(([task, value]) => {
      const from = reached;
      reached += value;
      return step(task, signed(value), bar(from, reached, value < 0 ? "lowers" : "raises", scale));
    });
    return element("ol", { class: "waterfall" },
      step("nothing known", base.toFixed(3), bar(0, base, "plain", scale)), ...steps,
      step("fused score", report.score(score), bar(0, score === null ? reached : score, "whole", scale)));
  }

  function targetPart(page, row, target) {
    const score = fused(row, target);
    const parts = (page.contributions[target] || {})[fuser];
    const why = parts ? waterfall(parts, score)
      : element("p", { class: "quiet" }, "No contributions are known for this fuser.");
    const truth = report.data.truths[target][row];
    return element("div", { class: "target" },
      element("h3", {}, target, element("b", {}, report.score(score)), element("span", { class: "truth " + truth }, truth)), why);
  }

  function fusedCard(page, row) {
    const select = element("select", { "aria-label": "Fuser" },
      ...report.data.fusers.map((name) => element("option", { selected: name === fuser }, name)));
    select.addEventListener("change", () => { fuser = select.value; refresh(page, row); });
    return element("section", { class: "panel", id: "fused" }, element("h2", {}, "Fused score ", select),
      ...report.data.targets.map((target) => targetPart(page, row, target)), others(row));
  }

  function refresh(page, row) {
    document.getElementById("fused").replaceWith(fusedCard(page, row));
    document.querySelector("#fused select").focus();
  }

  function others(row) {
    if (report.data.fusers.length < 2) return null;
    const { targets, fusers, scores } = report.data;
    const head = element("tr", {}, element("th", {}, "Fuser"), ...targets.map((target) => element("th", {}, target)));
    const rows = fusers.map((name) => element("tr", {}, element("th", { scope: "row" }, name),
      ...targets.map((target) => element("td", {}, report.score(scores[target][name] ? scores[target][name][row] : null)))));
    return element("details", {}, element("summary", {}, "All fusers"),
      element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  function meter(value) {
    return element("span", { class: "meter" }, element("i", { style: "width:" + 100 * value + "%" }), value.toFixed(2));
  }

  function caseAnswer(said) {
    const top = Object.keys(said).reduce((best, name) => (said[name] > said[best] ? name : best));
    const rows = Object.entries(said).map(([name, value]) => element("tr", name === top ? { class: "top" } : {},
      element("th", { scope: "row" }, report.words(name)), element("td", {}, meter(value))));
    return element("table", {}, element("tbody", {}, ...rows));
  }

  function viewAnswer(said) {
    const classes = [...new Set(Object.values(said).flatMap((scores) => Object.keys(scores)))];
    const head = element("tr", {}, element("th", {}, "View"), ...classes.map((name) => element("th", {}, report.words(name))));
    const rows = Object.entries(said).map(([view, scores]) => element("tr", {}, element("th", { scope: "row" }, view),
      ...classes.map((name) => element("td", {}, name in scores ? meter(scores[name]) : "–"))));
    return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  }

  function boxAnswer(said, id) {
    const rows = said.slice(0, 8).map((box) => element("tr", {},
      element("th", { scope: "row" }, swatch(box.label), report.words(box.label)),
      element("td", {}, element("a", { href: report.link(id, box.view) }, box.view)),
      element("td", {}, meter(box.score))));
    const more = said.length - rows.length;
    return element("div", {}, element("table", {}, element("tbody", {}, ...rows)),
      more > 0 ? element("p", { class: "quiet" }, more + " more below " + said[7].score.toFixed(2)) : null);
  }

  function swatch(label) {
    return element("i", { class: "swatch-box", style: "--color:" + (report.data.colors[label] || "#999") });
  }

  function taskCard(name, said, page) {
    const empty = Array.isArray(said) ? !said.length : !Object.keys(said).length;
    const silent = page.problems[name] || (Array.isArray(said) ? "nothing found" : "no answer");
    const nested = !empty && !Array.isArray(said) && typeof Object.values(said)[0] === "object";
    const shown = empty ? element("p", { class: "quiet" }, silent)
      : Array.isArray(said) ? boxAnswer(said, page.case) : nested ? viewAnswer(said) : caseAnswer(said);
    return element("section", { class: "panel" }, element("h2", {}, name), shown);
  }

  function list(entries) {
    return element("dl", { class: "pairs" }, ...entries.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
  }

  function gaps(page) {
    const filled = Object.assign({}, ...report.data.targets.map((target) => (page.filled[target] || {})[fuser] || {}));
    const lines = [
      ...page.missing.map((name) => [name, "no answer"]),
      ...Object.entries(filled).filter(([name]) => !page.missing.includes(name)),
      ...Object.entries(page.problems),
    ];
    const quiet = element("p", { class: "quiet" }, "Nothing was missing.");
    return element("section", { class: "panel" }, element("h2", {}, "Missing and filled"), lines.length ? list(lines) : quiet);
  }

  function facts(page) {
    const lines = Object.entries(page.facts);
    return lines.length ? element("section", { class: "panel" }, element("h2", {}, "Case"), list(lines)) : null;
  }

  // What tasks of level view say, for the captions of the pictures.
  function saidOfViews(page) {
    const said = {};
    for (const [task, answers] of Object.entries(page.tasks)) {
      if (Array.isArray(answers)) continue;
      for (const [view, scores] of Object.entries(answers)) {
        if (typeof scores !== "object") continue;
        const [name, value] = Object.entries(scores).reduce((best, one) => (one[1] > best[1] ? one : best));
        said[view] = (said[view] ? said[view] + " · " : "") + task + " " + report.words(name) + " " + value.toFixed(2);
      }
    }
    return said;
  }

  // A task that gives a case one number needs no card of its own.
  function isNumber(said) {
    const values = Object.values(said);
    return !Array.isArray(said) && values.length === 1 && typeof values[0] === "number";
  }

  function numbersCard(entries) {
    const rows = entries.map(([name, said]) => element("tr", {}, element("th", { scope: "row" }, name),
      element("td", {}, report.words(Object.keys(said)[0])), element("td", {}, meter(Object.values(said)[0]))));
    return element("section", { class: "panel" }, element("h2", {}, "Scores of the case"), element("table", {}, element("tbody", {}, ...rows)));
  }

  function panels(page, row) {
    const tasks = Object.entries(page.tasks);
    const numbers = tasks.filter(([, said]) => isNumber(said));
    const others = tasks.filter(([, said]) => !isNumber(said));
    return element("div", { class: "panels" }, fusedCard(page, row), numbers.length ? numbersCard(numbers) : null,
      ...others.map(([name, said]) => taskCard(name, said, page)), gaps(page), facts(page));
  }

  function show(id, view) {
    if (open !== id) {
      const row = report.data.cases.indexOf(id);
      const page = read(id);
      const pictures = page.pictures.length ? report.viewer.build(page, saidOfViews(page)) : null;
      const body = element("div", { class: "case-body" + (pictures ? "" : " bare") });
      body.append(...[pictures, panels(page, row)].filter(Boolean));
      root.querySelector(".case-body").replaceWith(body);
      root.querySelector("h1").textContent = id;
      root.querySelector(".truths").replaceChildren(...truths(row));
      open = id;
    }
    report.viewer.shown(view);
  }

  return { show };
})();
