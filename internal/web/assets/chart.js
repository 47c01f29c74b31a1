// The curves of one job: progress on the left axis, records on the right. The page's table has the
// same numbers.

const el = document.getElementById('chart');
const lang = document.documentElement.lang;
const format = (o) => new Intl.DateTimeFormat(lang, { hourCycle: 'h23', ...o });
const second = format({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minute = format({ hour: '2-digit', minute: '2-digit' });
const date = format({ month: 'numeric', day: 'numeric' });
const whole = format({ dateStyle: 'short', timeStyle: 'medium' });
const number = new Intl.NumberFormat(lang);
const compact = new Intl.NumberFormat(lang, { notation: 'compact' });
let chart = null, data = null;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const some = (list) => list.some((n) => n !== null);
const size = () => ({ width: el.clientWidth, height: el.clientWidth < 500 ? 210 : 260 });

function ticks(u, splits, axis, space, step) {
  const f = step >= 86400 ? date : step >= 60 ? minute : second;
  return splits.map((s) => f.format(new Date(s * 1000)));
}

function draw() {
  const text = colour('--soft'), line = colour('--line');
  const grid = { stroke: line, width: 1 };
  const axis = (more) => ({ stroke: text, font: '12px system-ui, sans-serif', grid, ticks: grid, ...more });
  const step = uPlot.paths.stepped({ align: 1 });
  const series = [{ label: el.dataset.time, value: (u, v) => (v === null ? '' : whole.format(new Date(v * 1000))) }];
  const axes = [axis({ values: ticks, space: 70 })];
  const columns = [data.at];
  const curve = (values, label, scale, ink, fill, unit) => {
    if (!some(values)) return;
    columns.push(values);
    series.push({ label, scale, stroke: colour(ink), fill: fill && colour(fill), width: 2, paths: step, points: { show: values.length < 60, size: 5 },
      value: (u, v) => (v === null ? '–' : number.format(v) + unit) });
  };
  curve(data.progress, el.dataset.progress, '%', '--running-f', '--running-t', '%');
  curve(data.succeeded, el.dataset.succeeded, 'n', '--succeeded-f', '', '');
  curve(data.failed, el.dataset.failed, 'n', '--failed-f', '', '');
  const percents = some(data.progress);
  if (percents) axes.push(axis({ scale: '%', values: (u, v) => v.map((n) => `${n}%`), size: 52 }));
  if (some(data.succeeded) || some(data.failed)) {
    axes.push(axis({ scale: 'n', side: percents ? 1 : 3, values: (u, v) => v.map((n) => compact.format(n)), size: 58, grid: percents ? { show: false } : grid }));
  }
  chart?.destroy();
  chart = new uPlot({ ...size(), series, axes, cursor: { y: false },
    scales: { '%': { range: [0, 100] }, n: { range: (u, lo, hi) => [0, Math.max(1, hi * 1.08)] } } }, columns, el);
}

async function load() {
  try {
    const res = await fetch(el.dataset.series);
    if (!res.ok) return;
    const fresh = await res.json();
    if (JSON.stringify(fresh) === JSON.stringify(data)) return;
    data = fresh;
    draw();
    el.dataset.drawn = data.at.length;
  } catch {
    // The next news brings it.
  }
}

let seen = '';
document.addEventListener('refreshed', () => {
  const now = document.querySelector('[data-live=state]').dataset.seq;
  if (now !== seen) load();
  seen = now;
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => data && draw());
new ResizeObserver(() => chart?.setSize(size())).observe(el);
load();
