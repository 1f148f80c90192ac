/** The style sheet of the HTML report. */

export const STYLE = `
:root { color-scheme: light dark; --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --page: #f4f6f9; --card: #fff; --text: #17202c; --dim: #5a6878; --line: #dfe5ec; --soft: #eef2f6;
  --blue: #2563c9; --blue-soft: #2563c92e; --green: #18794a; --green-soft: #e2f4ea; --red: #c3263a; --red-soft: #fdeaec;
  --amber: #8a5a00; --amber-soft: #fdf3dc; }
@media (prefers-color-scheme: dark) { :root { --page: #0f141b; --card: #171e27; --text: #e4eaf2; --dim: #97a5b6; --line: #293442;
  --soft: #1f2833; --blue: #6aa5ff; --blue-soft: #6aa5ff33; --green: #52c98a; --green-soft: #14321f; --red: #ff7686;
  --red-soft: #3d1a20; --amber: #e6b450; --amber-soft: #362a12; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1.25rem 3rem; background: var(--page); color: var(--text);
  font: 15px/1.5 var(--sans); }
main, header, footer { max-width: 1180px; margin: 0 auto; }
h1 { font-size: 1.5rem; margin: 0; letter-spacing: -0.01em; } h2 { font-size: 1.3rem; margin: 0; letter-spacing: -0.01em; }
h3 { font-size: 1rem; margin: 0 0 0.75rem; } a { color: var(--blue); }
header p, .when, .note, .none, .count { color: var(--dim); margin: 0.2rem 0 0; }
.route { margin: 0.2rem 0 0; overflow-wrap: anywhere; } .note { font-size: 0.85rem; margin-top: 0.6rem; }
code, .names, pre, .line { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.86em;
  overflow-wrap: anywhere; }
section { margin-top: 2rem; } .head { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 0.75rem; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.25rem; margin-top: 1rem; min-width: 0; }
.pill { display: inline-block; border-radius: 99px; padding: 0.1rem 0.65rem; font-size: 0.82rem; font-weight: 600; white-space: nowrap;
  background: var(--amber-soft); color: var(--amber); }
.pill.succeeded { background: var(--green-soft); color: var(--green); } .pill.skipped { background: var(--soft); color: var(--dim); }
.pill.failed, .pill.interrupted { background: var(--red-soft); color: var(--red); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(152px, 1fr)); gap: 0.75rem; margin-top: 1rem; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 0.7rem 0.9rem; }
.tile b { display: block; font-size: 1.3rem; font-weight: 650; letter-spacing: -0.01em; white-space: nowrap; }
.tile span { color: var(--dim); font-size: 0.85rem; }
.tile.failed b { color: var(--red); }
.share { display: block; width: 100%; height: 8px; margin-top: 1rem; border-radius: 99px; background: var(--line); }
.share .succeeded { fill: var(--green); } .share .failed { fill: var(--red); } .share .other { fill: var(--dim); }
.two { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
.chart { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0.3rem 0.6rem; font-size: 0.78rem; color: var(--dim);
  font-variant-numeric: tabular-nums; }
.chart .y { display: flex; flex-direction: column; justify-content: space-between; text-align: right; margin: -0.55em 0; white-space: nowrap; }
.chart .x { grid-column: 2; display: flex; justify-content: space-between; }
.chart svg { width: 100%; height: 190px; display: block; } .chart .grid { stroke: var(--line); fill: none; }
.chart polygon { fill: var(--blue-soft); } .chart polyline { fill: none; stroke: var(--blue); stroke-width: 2; stroke-linejoin: round; }
.chart .grid, .chart polyline { vector-effect: non-scaling-stroke; } .chart rect { fill: transparent; } .chart rect:hover { fill: var(--blue-soft); }
.bars .row { display: grid; grid-template-columns: 6.2rem minmax(0, 1fr) auto; gap: 0.75rem; align-items: center; margin: 0.45rem 0;
  font-size: 0.85rem; font-variant-numeric: tabular-nums; } .bars .row span { color: var(--dim); text-align: right; }
.bars svg { width: 100%; height: 16px; border-radius: 4px; display: block; } .bars rect { fill: var(--blue); }
.bars .base { fill: var(--soft); } .bars .failed { fill: var(--red); }
.error { border-left: 3px solid var(--red); padding: 0.1rem 0 0.1rem 0.9rem; margin: 0.9rem 0; overflow-wrap: anywhere; }
.error p { margin: 0.15rem 0 0; } .error ul { list-style: none; margin: 0.3rem 0 0; padding: 0; } .error .hint, td .hint { color: var(--dim); }
.controls { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; margin-bottom: 0.75rem; } .controls .count { margin: 0 0 0 auto; }
input, select, button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 0.4rem 0.7rem; min-width: 0; } input { flex: 1 1 14rem; max-width: 26rem; } button { cursor: pointer; margin-top: 0.75rem; }
button:hover { border-color: var(--blue); } :focus-visible { outline: 2px solid var(--blue); outline-offset: 1px; }
table { width: 100%; border-collapse: collapse; } th { text-align: left; font-size: 0.8rem; font-weight: 600; color: var(--dim); }
th, td { padding: 0.5rem 0.6rem; border-top: 1px solid var(--line); vertical-align: top; } thead th { border-top: 0; }
th.n, td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.names { width: 100%; } td.names i { font-style: normal; color: var(--dim); } .names div { font: 0.875rem/1.45 var(--sans); }
.names .why { margin-top: 0.25rem; color: var(--red); }
.lines { max-height: 32rem; overflow-y: auto; } .line { padding: 0.15rem 0; white-space: pre-wrap; } .line span { color: var(--dim); }
.line.warning b { color: var(--amber); } .line.error b { color: var(--red); } .line b { font-weight: 600; }
summary { cursor: pointer; } summary h3 { display: inline; } details[open] summary { margin-bottom: 0.75rem; } [hidden] { display: none; }
footer { margin-top: 2.5rem; font-size: 0.85rem; color: var(--dim); }
@media (max-width: 760px) { body { padding: 1.25rem 0.75rem 2rem; } .two { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .card { padding: 0.9rem; } .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0.5rem; } .tile b { font-size: 1.15rem; }
  input { max-width: none; flex-basis: 100%; } .controls .count { margin: 0; flex-basis: 100%; }
  table.stack thead { display: none; } table.stack tr { display: flex; flex-wrap: wrap; gap: 0.25rem 0.9rem; padding: 0.7rem 0; border-top: 1px solid var(--line); }
  table.stack td { border: 0; padding: 0; } table.stack td.names { flex-basis: 100%; order: -1; }
  table.stack td.n { color: var(--dim); font-size: 0.85rem; } table.stack td[data-label]:not(:empty)::before { content: attr(data-label) " "; } }
@media print { body { background: none; padding: 0; } .controls, button { display: none; } }
`
