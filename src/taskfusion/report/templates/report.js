// What all scripts of the page share: the data, and two ways to make an element.
const report = {
  data: JSON.parse(document.getElementById("report-data").textContent),

  element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    report.dress(made, attributes);
    made.append(...children.filter((child) => child !== null));
    return made;
  },

  svg(tag, attributes) {
    return report.dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes);
  },

  dress(made, attributes) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "style") made.style.cssText = value;
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null) made.setAttribute(name, value);
    }
    return made;
  },

  score(value) { return value === null || value === undefined ? "–" : value.toFixed(3); },
  percent(value) { return Number.isFinite(value) ? (100 * value).toFixed(1) + " %" : "–"; },
  words(name) { return name.replaceAll("_", " "); },
  link(id, view) {
    const hash = "#case=" + encodeURIComponent(id);
    return view === undefined ? hash : hash + "&view=" + encodeURIComponent(view);
  },
};
