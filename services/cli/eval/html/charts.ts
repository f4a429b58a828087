import { type Judged, ones } from "#core/calibration/metrics.ts";
import { reliability, riskCoverage } from "../curves.ts";

/** Inside of a chart, user units; the margins hold the axes' labels. */
const size = 260;
const margin = { left: 46, top: 12, right: 14, bottom: 42 };
const x = (value: number) => (margin.left + value * size).toFixed(1);
const y = (value: number) => (margin.top + (1 - value) * size).toFixed(1);

// Numbers and fixed words only: nothing of a set gets into a chart.
function frame(title: string, across: string, up: string, inside: string): string {
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (value) =>
      `<line class="grid" x1="${x(value)}" x2="${x(value)}" y1="${y(0)}" y2="${y(1)}"/>` +
      `<line class="grid" x1="${x(0)}" x2="${x(1)}" y1="${y(value)}" y2="${y(value)}"/>` +
      `<text x="${x(value)}" y="${margin.top + size + 16}" text-anchor="middle">${value}</text>` +
      `<text x="${margin.left - 6}" y="${Number(y(value)) + 4}" text-anchor="end">${value}</text>`,
  );
  const width = margin.left + size + margin.right;
  const height = margin.top + size + margin.bottom;
  return (
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}"><title>${title}</title>${ticks.join("")}${inside}` +
    `<text x="${x(0.5)}" y="${height - 6}" text-anchor="middle">${across}</text>` +
    `<text transform="translate(11 ${y(0.5)}) rotate(-90)" text-anchor="middle">${up}</text></svg>`
  );
}

/** Most points of a drawn curve: a set of thousands of queries needs no more to look the same. */
const curvePoints = 400;

/** Selective risk over coverage, with the perfect service's curve beside it; empty without both classes. */
export function riskCoverageChart(items: readonly Judged[]): string {
  const all = riskCoverage(items)(ones(items));
  if (all.length === 0) return "";
  const step = Math.ceil(all.length / curvePoints);
  const points = all.filter((_, at) => at % step === 0 || at === all.length - 1);
  const line = points.map(({ coverage, risk }) => `${x(coverage)},${y(risk)}`).join(" ");
  const perfect = Array.from({ length: 51 }, (_, at) => at / 50)
    .map((coverage) => `${x(coverage)},${y(Math.max(0, 1 - 0.5 / Math.max(coverage, 0.5)))}`)
    .join(" ");
  return frame(
    "Risk-coverage curve",
    "coverage: share answered",
    "risk: share of it wrong",
    `<polyline class="reference" points="${perfect}"/><polyline class="curve" points="${line}"/>`,
  );
}

/** Share of answerable queries over confidence, per bin; a circle's area grows with the queries in it. */
export function reliabilityChart(items: readonly Judged[]): string {
  const bins = reliability(items)(ones(items)).filter((bin) => bin.items > 0);
  if (bins.length === 0) return "";
  const most = Math.max(...bins.map((bin) => bin.items));
  const dots = bins.map(
    (bin) =>
      `<circle cx="${x(bin.confidence)}" cy="${y(bin.answerable)}" r="${(3 + 9 * Math.sqrt(bin.items / most)).toFixed(1)}">` +
      `<title>${bin.items} queries, mean confidence ${bin.confidence.toFixed(3)}, answerable ${bin.answerable.toFixed(3)}</title></circle>`,
  );
  const line = bins.map((bin) => `${x(bin.confidence)},${y(bin.answerable)}`).join(" ");
  return frame(
    "Reliability diagram",
    "mean confidence",
    "share answerable",
    `<line class="reference" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}"/><polyline class="curve" points="${line}"/>${dots.join("")}`,
  );
}

/** Answerable (up) and unanswerable (down) queries by confidence, as shares of each class, with the threshold in force. */
export function confidenceChart(items: readonly Judged[], threshold: number | null): string {
  const bins = 20;
  const shares = (answerable: boolean): readonly number[] => {
    const chosen = items.filter((item) => item.answerable === answerable);
    const counts = Array.from({ length: bins }, () => 0);
    for (const { score } of chosen) {
      const bin = Math.min(bins - 1, Math.max(0, Math.floor(score * bins)));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return counts.map((count) => (chosen.length === 0 ? 0 : count / chosen.length));
  };
  const [up, down] = [shares(true), shares(false)];
  const most = Math.max(...up, ...down);
  if (!(most > 0)) return "";
  const bars = (values: readonly number[], kind: string, sign: 1 | -1) =>
    values
      .map((value, bin) => {
        const height = (value / most) * 0.48;
        const top = sign > 0 ? 0.5 + height : 0.5;
        const title = `<title>${(100 * value).toFixed(1)} % of the ${kind} ones</title>`;
        return `<rect class="${kind}" x="${x(bin / bins)}" y="${y(top)}" width="${(size / bins - 1).toFixed(1)}" height="${(height * size).toFixed(1)}">${title}</rect>`;
      })
      .join("");
  const gate =
    threshold === null
      ? ""
      : `<line class="gate" x1="${x(threshold)}" x2="${x(threshold)}" y1="${y(0)}" y2="${y(1)}"/>`;
  const labels =
    `<text x="${margin.left + 4}" y="${margin.top + 12}">answerable</text>` +
    `<text x="${margin.left + 4}" y="${margin.top + size - 5}">unanswerable</text>`;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (value) => `<text x="${x(value)}" y="${margin.top + size + 16}" text-anchor="middle">${value}</text>`,
  );
  const [width, height] = [margin.left + size + margin.right, margin.top + size + margin.bottom];
  return (
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Confidence by class"><title>Confidence by class</title>` +
    `<line class="grid" x1="${x(0)}" x2="${x(1)}" y1="${y(0.5)}" y2="${y(0.5)}"/>` +
    `${bars(up, "answerable", 1)}${bars(down, "unanswerable", -1)}${gate}${labels}${ticks.join("")}` +
    `<text x="${x(0.5)}" y="${height - 6}" text-anchor="middle">confidence; the line is the threshold</text></svg>`
  );
}
