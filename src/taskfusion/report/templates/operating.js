// The operating point: a threshold moves, counts and shares follow, and so does a marker on the ROC curve.
report.operating = (function () {
  function counts(truth, score, threshold) {
    const found = { tp: 0, fp: 0, tn: 0, fn: 0 };
    for (let k = 0; k < truth.length; k += 1) {
      if (score[k] >= threshold) found[truth[k] ? "tp" : "fp"] += 1;
      else found[truth[k] ? "fn" : "tn"] += 1;
    }
    return found;
  }

  function shares(found) {
    const all = found.tp + found.fp + found.tn + found.fn;
    return {
      tpr: found.tp / (found.tp + found.fn),
      tnr: found.tn / (found.tn + found.fp),
      ppv: found.tp / (found.tp + found.fp),
      npv: found.tn / (found.tn + found.fn),
      flagged: (found.tp + found.fp) / all,
    };
  }

  function limits(score) {
    return [Math.min(0, ...score), Math.max(1, ...score)];
  }

  // A trace of its own on the ROC chart, made when first needed.
  function mark(panel, point) {
    const chart = document.getElementById("roc-" + panel.index);
    if (!chart || !window.Plotly || !chart.data || !Number.isFinite(point.tpr) || !Number.isFinite(point.tnr)) return;
    const at = { x: [1 - point.tnr], y: [point.tpr] };
    if (panel.trace !== undefined) {
      Plotly.restyle(chart, { x: [at.x], y: [at.y] }, [panel.trace]);
      return;
    }
    panel.trace = chart.data.length;
    Plotly.addTraces(chart, {
      ...at, mode: "markers", name: "operating point", showlegend: false,
      marker: { size: 19, color: "rgba(0,0,0,0)", line: { color: "#b00020", width: 3 } },
      hovertemplate: "operating point<br>TPR %{y:.3f}, FPR %{x:.3f}<extra></extra>",
    });
  }

  function show(panel) {
    const threshold = Number(panel.slider.value);
    const found = counts(panel.fuser.truth, panel.fuser.score, threshold);
    const point = shares(found);
    panel.root.querySelector("output").textContent = threshold.toFixed(3);
    for (const [name, value] of Object.entries(found)) panel.root.querySelector("[data-n=" + name + "]").textContent = value;
    for (const [name, value] of Object.entries(point)) {
      panel.root.querySelector("[data-n=" + name + "]").textContent = report.percent(value);
    }
    for (const button of panel.root.querySelectorAll(".chosen button")) {
      button.setAttribute("aria-pressed", Math.abs(Number(button.value) - threshold) < 5e-4);
    }
    mark(panel, point);
  }

  function move(panel, threshold) {
    panel.slider.value = threshold;
    show(panel);
  }

  function choose(panel, name) {
    panel.fuser = panel.fusers[name];
    const [low, high] = limits(panel.fuser.score);
    report.dress(panel.slider, { min: low, max: high, step: (high - low) / 1000 });
    const buttons = panel.fuser.chosen.map((rule) => {
      const text = rule.rule + (Number(rule.rule) === rule.threshold ? "" : " → " + rule.threshold.toFixed(3));
      const made = report.element("button", { type: "button", value: rule.threshold, title: "chosen on: " + rule.on }, text);
      made.addEventListener("click", () => move(panel, rule.threshold));
      return made;
    });
    panel.root.querySelector(".chosen").replaceChildren(...buttons);
    move(panel, panel.fuser.chosen[0].threshold);
  }

  function start() {
    document.querySelectorAll(".operating").forEach((root) => {
      const index = Number(root.dataset.index);
      const fusers = report.data.operating[index].fusers;
      const panel = { root, index, fusers, slider: root.querySelector("input[type=range]") };
      const select = root.querySelector("select");
      if (!select.value) return;
      select.addEventListener("change", () => choose(panel, select.value));
      panel.slider.addEventListener("input", () => show(panel));
      choose(panel, select.value);
    });
  }

  return { start, counts, shares };
})();
