/** A Markdown table. */
export const table = (heads, rows) =>
  [heads, heads.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
