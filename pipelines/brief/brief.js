// The brief comes alive: hover values, ranges, zoom, and a choice of pair, window and horizon for every chart.
//
// Here: redrawing the page's own specifications with other rows of its own store. Not here: what a chart looks like (the
// specifications, made by brief.charts), what is said. Without this script the page stands as it was printed.
"use strict";
(async () => {
  const DAY = 86400000;
  const text = (id) => document.getElementById(id).textContent;
  const inflated = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };
  const store = await inflated(text("chart-data"));
  const { inks, charts } = JSON.parse(text("chart-specifications"));
  const days = store.sessions.map((d) => d * DAY);
  const choice = { pair: store.headline, window: "60", horizon: "63", range: "2y", marks: false };

  // ---------------------------------------------------------------- rows of a chart for the chosen pair
  const named = (symbol) => store.names[symbol] || symbol;
  const points = (name, ink, values, scale = (v) => v, look = "line") =>
    values.flatMap((v, i) => (v === null || v === undefined ? [] : [{ date: days[i], value: scale(v), line: name, ink, look }]));
  const both = (column) => {
    const { asset, benchmark } = store.pairs[choice.pair];
    const a = store.symbols[asset][column], b = store.symbols[benchmark][column];
    const shared = (own, other) => own.map((v, i) => (other[i] === null ? null : v));
    return [[named(benchmark), inks.benchmark, shared(b, a)], [named(asset), inks.asset, shared(a, b)]];
  };
  const inRange = (rows, [first, last]) => rows.filter((r) => r.date >= first && r.date <= last);
  const LIVE = {
    levels: (span) => ({
      lines: both("close").flatMap(([name, ink, values]) => {
        const rows = inRange(points(name, ink, values), span);
        return rows.map((r) => ({ ...r, value: (100 * r.value) / rows[0].value }));
      }),
      spans: regimes(span),
      says: "rebased to 100",
    }),
    drawdowns: () => ({ lines: both("drawdown").flatMap((line) => points(...line)), says: "distance from the record" }),
    correlation: () => {
      const found = store.pairs[choice.pair].correlation[choice.window];
      if (!found) return { none: `no ${choice.window}-session correlation of this pair` };
      const [middle, low, high] = found;
      return {
        lines: points("correlation", inks.third, middle),
        band: days.flatMap((date, i) => (low[i] === null ? [] : [{ date, value: low[i], high: high[i] }])),
        says: `${choice.window}-session correlation`,
      };
    },
    trend: () => ({
      lines: points("gap", inks.asset, store.pairs[choice.pair].gap[choice.horizon]),
      says: `gap over ${choice.horizon} sessions`,
    }),
    divergences: () => {
      const rows = store.pairs[choice.pair].episodes;
      if (!rows.length) return { none: "no divergence of this pair" };
      const ink = { open: inks.warning, follower_recovered: inks.coupled, leader_fell: inks.decoupled };
      const label = { open: "open", follower_recovered: "the follower recovered", leader_fell: "the leader fell" };
      return {
        bars: rows.map((e) => ({
          row: named(e.leader), date: e.start * DAY, end: e.end * DAY, ink: ink[e.outcome], label: label[e.outcome],
        })),
        says: "who led",
      };
    },
    breakouts: (_, position) => {
      const rows = store.pairs[choice.pair].breakouts;
      const conditions = [...new Set(rows.map((r) => r.condition))];
      if (conditions.length <= position) return { none: "no breakout study of this pair" };
      return {
        intervals: rows.filter((r) => r.condition === conditions[position]).map((r) => ({
          place: `${r.horizon_sessions} sessions`, estimate: r.hit_rate, low: r.hit_rate_ci95_low,
          high: r.hit_rate_ci95_high, baseline: r.baseline_hit_rate,
        })),
        says: `hit rate after ${conditions[position].replace("quiet_", "")} quiet sessions`,
      };
    },
    signal: () => {
      if (choice.pair !== store.headline) return { none: `the forecast is made for ${words(store.headline)} alone` };
      const horizon = store.forecasts[choice.horizon] ? choice.horizon : Object.keys(store.forecasts)[0];
      const [chance, base] = store.forecasts[horizon];
      return {
        lines: [...points("base rate", inks.muted, base, (v) => v, "line-dashed"), ...points("chance", inks.asset, chance)],
        says: `within ${horizon} sessions`,
      };
    },
  };
  const regimes = ([first, last]) =>
    store.pairs[choice.pair].regimes
      .map(([from, to, regime]) => ({
        date: Math.max(from * DAY, first), end: Math.min((to + 1) * DAY, last), ink: inks[regime],
      }))
      .filter((s) => s.end > s.date);
  const words = (pair) => {
    const { asset, benchmark } = store.pairs[pair];
    return `${named(asset)} and ${named(benchmark)}`;
  };

  // ---------------------------------------------------------------- a specification with other rows
  const dataOf = (values) => ({ values, format: { type: "json" } });
  // The engine reads text with code made on the fly, which the page's policy forbids: rows are read here instead.
  const opened = (spec) => {
    for (const part of [spec, ...spec.layer]) if (part.data) part.data = dataOf(rowsOf(part.data, spec.datasets));
    delete spec.datasets;
    return spec;
  };
  const rowsOf = (data, datasets) => {
    const values = data.values || datasets[data.name];
    if (typeof values !== "string") return values || [];
    const [head, ...lines] = values.trim().split("\n").map((line) => line.split(","));
    return lines.map((cells) =>
      Object.fromEntries(head.map((name, i) => {
        const cell = cells[i], number = Number(cell);
        if (/^\d{4}-\d\d-\d\d$/.test(cell)) return [name, Date.parse(cell)];
        return [name, cell === "" ? null : Number.isNaN(number) ? cell : number];
      })));
  };
  const layerOf = (spec, name) => spec.layer.find((layer) => layer.name === name);
  const refilled = (chart, position) => {
    const spec = opened(structuredClone(chart.specifications[position]));
    const live = LIVE[chart.anchor];
    const own = spec.data ? spec.data.values : [];
    const newest = own.length ? Math.max(...own.map((r) => r.date)) : days.at(-1);
    const oldest = live ? days[0] : own.length ? Math.min(...own.map((r) => r.date)) : days[0];
    const span = [Math.max(oldest, newest - YEARS[choice.range] * 365.25 * DAY), newest];
    const rows = live ? live(span, position) : { lines: own };
    if (rows.lines && !rows.lines.length) rows.none = "nothing is known of this pair";
    if (rows.none) return rows;
    if (live) spec.title.text = [words(choice.pair), rows.says, spec.title.text];
    if (rows.lines) refillLines(spec, inRange(rows.lines, span), rows, span);
    if (rows.bars) Object.assign(layerOf(spec, "bars"), { data: dataOf(rows.bars) }), fitTime(spec);
    if (rows.intervals) ["intervals", "bases", "estimates"].forEach((n) => (layerOf(spec, n).data = dataOf(rows.intervals)));
    spec.layer.forEach((layer) => {
      if (["bars", "estimates"].includes(layer.name)) layer.mark = { ...layer.mark, tooltip: { content: "data" } };
    });
    return { spec, rows: rows.lines ? inRange(rows.lines, span) : rows.bars || rows.intervals };
  };
  const YEARS = { "3m": 0.25, "1y": 1, "2y": 2, "5y": 5, all: 100 };
  const fitTime = (spec) => {
    spec.layer.forEach((layer) => (layer.encoding.x.scale = { ...layer.encoding.x.scale, domain: undefined }));
  };
  const refillLines = (spec, lines, rows, span) => {
    spec.data = dataOf(lines);
    const ends = Object.values(Object.fromEntries(lines.map((r) => [r.line, r]))).sort((a, b) => a.value - b.value);
    const values = lines.map((r) => r.value);
    const apart = 0.075 * (Math.max(...values) - Math.min(...values));
    ends.forEach((e, i) => { if (i && e.value < ends[i - 1].value + apart) ends[i] = { ...e, value: ends[i - 1].value + apart }; });
    if (layerOf(spec, "names")) layerOf(spec, "names").data = dataOf(ends);
    if (layerOf(spec, "band") && rows.band) layerOf(spec, "band").data = dataOf(inRange(rows.band, span));
    if (layerOf(spec, "spans")) layerOf(spec, "spans").data = dataOf(rows.spans || []);
    spec.layer = spec.layer.filter((layer) => !Array.isArray(layer.data?.values) || layer.data.values.length);
    const years = (span[1] - span[0]) / DAY / 365;
    const axis = { format: years < 4 ? "%b %Y" : "%Y", tickCount: 5 };
    spec.layer.forEach((layer) => {
      const x = layer.encoding && layer.encoding.x;
      if (x) Object.assign(x, { scale: { ...x.scale, domain: undefined, nice: false }, axis: { ...x.axis, ...axis } });
    });
    const { x, y } = spec.layer.find((layer) => layer.name.startsWith("lines-")).encoding;
    if (choice.marks) spec.layer.push(marks(span, x));
    spec.layer.push(hover(x, y));
  };
  const marks = (span, x) => ({
    name: "policy-changes",
    data: dataOf(inRange(store.policy_changes.map(([d, bp]) => ({ date: d * DAY, change: `Fed ${bp > 0 ? "+" : ""}${bp} bp` })), span)),
    mark: { type: "rule", color: inks.axis, strokeDash: [1, 3], tooltip: { content: "data" } },
    encoding: { x },
  });
  const hover = (x, y) => ({
    name: "hover",
    params: [
      { name: "pointed", select: { type: "point", on: "pointerover", clear: "pointerout" } },
      { name: "zoom", select: { type: "interval", encodings: ["x"] }, bind: "scales" },
    ],
    mark: { type: "point", filled: true, size: 400 },
    encoding: {
      x, y,
      color: { field: "ink", type: "nominal", scale: null },
      opacity: { condition: { param: "pointed", empty: false, value: 0.35 }, value: 0 },
      tooltip: [
        { field: "line", type: "nominal", title: "line" },
        { field: "date", type: "temporal", title: "day", format: "%-d %B %Y" },
        { field: "value", type: "quantitative", title: "value", format: (y.axis && tooltipFormat(y.axis.format)) || ",.2f" },
      ],
    },
  });
  const tooltipFormat = (format) => ({ ".0%": ".1%", "+.0%": "+.1%", ".1f": ".2f", ",.0f": ",.1f" })[format] || format;

  // ---------------------------------------------------------------- drawing
  const drawn = new Map();
  const draw = async (figure) => {
    const chart = charts.find((c) => c.anchor === figure.dataset.anchor);
    const found = refilled(chart, Number(figure.dataset.position));
    const said = figure.querySelector(".absent") || figure.appendChild(Object.assign(document.createElement("p"), { className: "absent" }));
    said.textContent = found.none ? `Not shown: ${found.none}.` : "";
    const place = figure.querySelector(".live") || figure.appendChild(Object.assign(document.createElement("div"), { className: "live" }));
    figure.classList.toggle("empty", Boolean(found.none));
    if (drawn.has(figure)) drawn.get(figure).view.finalize();
    drawn.delete(figure);
    if (found.none) { place.replaceChildren(); figure.classList.add("alive"); return; }
    const width = figure.clientWidth;
    const shown = await window.vegaEmbed(place, { ...found.spec, width: Math.max(width, 280) }, {
      mode: "vega-lite", actions: false, renderer: "svg", ast: true, tooltip: { theme: "custom" },
    });
    figure.classList.add("alive");
    drawn.set(figure, { view: shown, rows: found.rows });
  };
  const figures = [...document.querySelectorAll(".picture")];
  const visible = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) { visible.delete(target); continue; }
      visible.add(target);
      if (target.dataset.drawn !== key()) redraw(target);
    }
  }, { rootMargin: "300px" });
  const key = () => JSON.stringify(choice);
  const redraw = (figure) => { figure.dataset.drawn = key(); return draw(figure); };
  const redrawAll = () => Promise.all(figures.map((figure) => {
    if (visible.has(figure)) return redraw(figure);
    delete figure.dataset.drawn;
    return undefined;
  }));

  // ---------------------------------------------------------------- choosing, links, downloads
  const controls = document.getElementById("controls");
  const option = (value, label) => Object.assign(document.createElement("option"), { value, textContent: label });
  controls.elements.pair.append(...Object.keys(store.pairs).map((p) => option(p, words(p))));
  const windows = Object.keys(store.pairs[store.headline]?.correlation || {});
  controls.elements.window.append(...windows.map((w) => option(w, `${w} sessions`)));
  controls.elements.horizon.append(...["63", "126", "252"].map((h) => option(h, `${h} sessions`)));
  const fromAddress = () => {
    const [anchor, query] = location.hash.slice(1).split("?");
    const asked = new URLSearchParams(query || "");
    for (const name of ["pair", "window", "horizon", "range"]) if (asked.has(name)) choice[name] = asked.get(name);
    if (!store.pairs[choice.pair]) choice.pair = store.headline;
    if (!YEARS[choice.range]) choice.range = "2y";
    choice.marks = asked.get("marks") === "on";
    if (query) document.getElementById(anchor)?.scrollIntoView();
  };
  const toControls = () => {
    for (const name of ["pair", "window", "horizon", "range"]) controls.elements[name].value = choice[name];
    controls.elements.marks.checked = choice.marks;
  };
  const permalink = (anchor) => {
    const asked = new URLSearchParams({ pair: choice.pair, window: choice.window, horizon: choice.horizon, range: choice.range });
    if (choice.marks) asked.set("marks", "on");
    return `#${anchor}?${asked}`;
  };
  const toLinks = () => document.querySelectorAll("a.permalink").forEach((a) => (a.href = permalink(a.dataset.anchor)));
  controls.addEventListener("input", () => {
    for (const name of ["pair", "window", "horizon", "range"]) choice[name] = controls.elements[name].value;
    choice.marks = controls.elements.marks.checked;
    toLinks();
    redrawAll();
  });
  controls.addEventListener("submit", (event) => event.preventDefault());
  document.querySelectorAll("button.csv").forEach((button) => button.addEventListener("click", () => {
    const figure = figures.find((f) => f.dataset.anchor === button.dataset.anchor);
    const { rows } = refilled(charts.find((c) => c.anchor === button.dataset.anchor), Number(figure.dataset.position));
    if (!rows) return;
    const columns = Object.keys(rows[0]).filter((c) => !["ink", "look"].includes(c));
    const cell = (v, c) => (["date", "end"].includes(c) ? new Date(v).toISOString().slice(0, 10) : `${v}`.replaceAll(",", ";"));
    const lines = [columns.join(","), ...rows.map((r) => columns.map((c) => cell(r[c], c)).join(","))];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = `${button.dataset.anchor}.csv`;
    link.click();
  }));
  window.addEventListener("hashchange", () => { fromAddress(); toControls(); toLinks(); redrawAll(); });
  fromAddress();
  toControls();
  toLinks();
  document.documentElement.classList.add("scripted");
  figures.forEach((figure) => watcher.observe(figure));
})();
