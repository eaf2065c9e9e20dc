// Draws every chart of the page from the specification that stands beside it.
"use strict";
for (const figure of document.querySelectorAll(".picture")) {
  const specification = JSON.parse(figure.querySelector("script").textContent);
  const place = figure.querySelector(".live");
  const sized = { ...specification, width: Math.max(figure.clientWidth, 280) };
  const quietly = { mode: "vega-lite", actions: false, renderer: "canvas", ast: true, tooltip: { theme: "custom" } };
  window.vegaEmbed(place, sized, quietly).then(() => figure.classList.add("alive"));
}
