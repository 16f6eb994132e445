// Charts are drawn for the width of the screen; paper is narrower.
function charts(act) { document.querySelectorAll(".js-plotly-plot").forEach(act); }
addEventListener("beforeprint", function () {
  charts(function (plot) { Plotly.relayout(plot, { width: 660, autosize: false }); });
});
addEventListener("afterprint", function () {
  charts(function (plot) { Plotly.relayout(plot, { width: null, autosize: true }); });
});
