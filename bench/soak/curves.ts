import type { Sample } from './samples.ts';

const WIDTH = 720;
const HEIGHT = 110;
const LEFT = 70;
const GAP = 34;
const CURVES: readonly { readonly title: string; readonly names: readonly (keyof Sample)[] }[] = [
  { title: 'RSS, MiB', names: ['rssMiB'] },
  { title: 'files', names: ['files'] },
  { title: 'log, MiB', names: ['walMiB'] },
  { title: 'disk, MiB', names: ['diskMiB'] },
  { title: 'query p50 and p99, ms', names: ['queryP50Ms', 'queryP99Ms'] },
  { title: 'event loop p99, ms', names: ['loopP99Ms'] },
];
const COLOURS = ['#1f77b4', '#d62728'];

/** The samples over time as an SVG, one curve below the other. */
export function curves(samples: readonly Sample[]): string {
  const lastSecond = samples.at(-1)!.seconds;
  const height = CURVES.length * (HEIGHT + GAP);
  const parts = CURVES.map(({ title, names }, i) => {
    const most = Math.max(1, ...samples.flatMap((one) => names.map((name) => one[name])));
    const top = i * (HEIGHT + GAP) + GAP / 2;
    const lines = names.map((name, n) => {
      const points = samples.map((one) => {
        const x = LEFT + (one.seconds / lastSecond) * WIDTH;
        return `${x.toFixed(1)},${(top + HEIGHT - (one[name] / most) * HEIGHT).toFixed(1)}`;
      });
      return `<polyline fill="none" stroke="${COLOURS[n]}" points="${points.join(' ')}"/>`;
    });
    return [
      `<rect x="${LEFT}" y="${top}" width="${WIDTH}" height="${HEIGHT}" fill="none" stroke="#bbb"/>`,
      `<text x="${LEFT}" y="${top - 4}">${title}</text>`,
      `<text x="${LEFT - 6}" y="${top + 10}" text-anchor="end">${Math.round(most)}</text>`,
      `<text x="${LEFT - 6}" y="${top + HEIGHT}" text-anchor="end">0</text>`,
      ...lines,
    ].join('\n');
  });
  const minutes = `<text x="${LEFT + WIDTH}" y="${height}" text-anchor="end">${Math.round(lastSecond / 60)} minutes</text>`;
  const size = `viewBox="0 0 ${LEFT + WIDTH + 10} ${height + 6}"`;
  const title = '<title>A node over time</title>';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">\n${title}\n${parts.join('\n')}\n${minutes}\n</svg>\n`;
}
