// Plots by gnuplot, as SVG.
import { rmSync, writeFileSync } from 'node:fs';
import { run } from './processes.mjs';

export async function plot(file, { title, x, y, logX = false, logY = false, series }) {
  const data = series.map(({ points }) => points.map((point) => point.join(' ')).join('\n')).join('\n\n\n');
  const script = `${file}.gnuplot`;
  writeFileSync(`${file}.data`, `${data}\n`);
  writeFileSync(
    script,
    `set terminal svg size 800,480 background rgb 'white' font 'sans,12'
set output '${file}'
set title '${title}'
set xlabel '${x}'
set ylabel '${y}'
set grid
set key below
${logX ? 'set logscale x' : ''}
${logY ? 'set logscale y' : 'set yrange [0:*]'}
plot ${series.map(({ name }, i) => `'${file}.data' index ${i} with linespoints linewidth 2 pointtype 7 title '${name.replaceAll("'", "''")}' noenhanced`).join(', ')}
`,
  );
  await run('gnuplot', [script]);
  rmSync(script);
  rmSync(`${file}.data`);
}
