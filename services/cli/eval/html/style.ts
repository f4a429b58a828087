/** The page's only style sheet. Colours are chosen for contrast in light and dark, and never carry a meaning alone. */
export const style = `
:root { --bg: #fff; --fg: #1b1f24; --dim: #59626c; --line: #d5dae0; --curve: #0b62c4; --good: #11703a; --bad: #b3261e; --other: #b35a00; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #14171a; --fg: #e6e9ec; --dim: #a0a9b2; --line: #3a424a; --curve: #6cb0ff; --good: #5fd08c; --bad: #ff8a80; --other: #ffb35c; }
}
body { margin: 0; background: var(--bg); color: var(--fg); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; }
h1 .good, h1 .bad { font-size: 1rem; border: 1px solid; border-radius: 4px; padding: 0 .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--dim); font-weight: 600; }
.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; }
figure { margin: 0; flex: 1 1 280px; max-width: 340px; }
figcaption { color: var(--dim); font-size: .85rem; }
svg text { fill: var(--dim); font-size: 11px; }
svg .grid { stroke: var(--line); stroke-width: .5; }
svg .curve { fill: none; stroke: var(--curve); stroke-width: 2; }
svg .reference { fill: none; stroke: var(--dim); stroke-dasharray: 4 3; }
svg circle { fill: var(--curve); fill-opacity: .55; }
svg .answerable { fill: var(--curve); } svg .unanswerable { fill: var(--other); } svg .gate { stroke: var(--bad); stroke-width: 1.5; }
svg.bar { width: 130px; height: 10px; background: var(--line); } svg.bar .range { fill: var(--curve); fill-opacity: .5; } svg.bar .value { fill: var(--fg); }
@media print { main { max-width: none; } }
`;
