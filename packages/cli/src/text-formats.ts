import type { Answer } from './node-client.ts';
import { isRawJSON } from './raw-json.ts';

/** Wider cells are cut in a table; csv and json have them whole. */
const MAX_CELL = 80;

export function toTable({ columns, rows }: Answer): string {
  const header = columns.map(({ name }) => name);
  const lines = rows.map((row) => row.map((value) => cut(cellText(value, 'NULL'))));
  const widths = header.map((name, i) => widest(i, name.length, lines));
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  const numeric = columns.map((_, i) => rows.some((row) => typeof row[i] === 'number' || isRawJSON(row[i])));
  const draw = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  const count = `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`;
  return `${[draw(header), rule, ...lines.map(draw), count].join('\n')}\n`;
}

/** RFC 4180, with a header line; NULL is an empty cell. */
export function toCsv({ columns, rows }: Answer): string {
  const lines = [columns.map(({ name }) => name), ...rows.map((row) => row.map((value) => cellText(value, '')))];
  return lines.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('');
}

function widest(column: number, least: number, lines: readonly (readonly string[])[]): number {
  let width = least;
  for (const line of lines) width = Math.max(width, line[column]!.length);
  return width;
}

function cellText(value: unknown, nothing: string): string {
  if (value === null || value === undefined) return nothing;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function cut(text: string): string {
  const line = text.replaceAll('\n', '⏎');
  return line.length > MAX_CELL ? `${line.slice(0, MAX_CELL - 1)}…` : line;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
