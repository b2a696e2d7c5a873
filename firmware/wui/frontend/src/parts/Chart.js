// Pictures of the last minutes: a small one for a row, a large one with axes.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { short } from "../words.js";

const WIDTH = 100;
const HEIGHT = 26;

/** A line without axes. `values`: oldest first, undefined where nothing is known; `length`: how many the width holds. */
export function Sparkline({ values, length, label }) {
  const most = Math.max(1, ...values.filter((value) => value !== undefined));
  const step = WIDTH / (length - 1);
  const start = WIDTH - (values.length - 1) * step;
  const points = values
    .map((value, index) => `${(start + index * step).toFixed(1)},${(HEIGHT - 2 - ((value ?? 0) / most) * (HEIGHT - 4)).toFixed(1)}`)
    .join(" ");
  return html`<svg class="sparkline" role="img" aria-label=${label} width=${WIDTH} height=${HEIGHT} viewBox="0 0 ${WIDTH} ${HEIGHT}">
    ${values.length > 1 && html`<polyline points=${points} />`}
  </svg>`;
}

/** Lines with axes, drawn by uPlot, which is loaded when the first of them is shown. `times` in seconds; `lines`: [{label, values}]. */
export function Chart({ times, lines, label }) {
  const place = useRef(null);
  const plot = useRef(null);
  const data = [times, ...lines.map((line) => line.values)];
  useEffect(() => {
    let gone = false;
    import("uplot").then(({ default: UPlot }) => {
      if (!gone) plot.current = new UPlot(options(place.current, lines), data, place.current);
    });
    const fit = new ResizeObserver(() => plot.current?.setSize({ width: place.current.clientWidth, height: 180 }));
    fit.observe(place.current);
    return () => {
      gone = true;
      fit.disconnect();
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [times.at(-1)]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${place}></div>`;
}

/** The canvas cannot read `light-dark()`: the colours are taken from where it stands. */
function options(place, lines) {
  const colour = getComputedStyle(place).color;
  const faint = colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.18)");
  const strokes = ["--line-1", "--line-2"].map((name) => resolved(place, name));
  const axis = { stroke: colour, grid: { stroke: faint, width: 1 }, ticks: { stroke: faint, width: 1 } };
  return {
    width: place.clientWidth,
    height: 180,
    cursor: { show: true, drag: { x: false, y: false } },
    axes: [axis, { ...axis, size: 52, values: (_, found) => found.map(short) }],
    scales: { y: { range: (_, least, most) => [0, Math.max(1, most * 1.1)] } },
    series: [{}, ...lines.map((line, index) => ({ label: line.label, stroke: strokes[index], width: 2, value: (_, value) => short(value) }))],
  };
}

/** What a colour variable is in the theme that is shown. */
function resolved(place, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name}, currentColor)`;
  place.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
