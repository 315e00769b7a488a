/** Bytes `[start, end)` of a file. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export function bytesIn(spans: readonly Span[]): number {
  return spans.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** In order and apart: spans with less than `gapBytes` between them become one, with what is between. */
export function joined(spans: readonly Span[], gapBytes = 0): Span[] {
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && (start <= last.end || start - last.end < gapBytes)) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

/** What of `spans` is in none of `others`. */
export function without(spans: readonly Span[], others: readonly Span[]): Span[] {
  const taken = joined(others);
  const result: Span[] = [];
  let i = 0;
  for (const { start, end } of joined(spans)) {
    while (i < taken.length && taken[i]!.end <= start) i++;
    let at = start;
    for (let j = i; j < taken.length && taken[j]!.start < end; j++) {
      if (taken[j]!.start > at) result.push({ start: at, end: taken[j]!.start });
      at = Math.max(at, taken[j]!.end);
    }
    if (at < end) result.push({ start: at, end });
  }
  return result;
}

/** The same bytes in pieces of at most `maxBytes`. */
export function split(spans: readonly Span[], maxBytes: number): Span[] {
  return spans.flatMap(({ start, end }) =>
    Array.from({ length: Math.ceil((end - start) / maxBytes) }, (_, i) => ({
      start: start + i * maxBytes,
      end: Math.min(end, start + (i + 1) * maxBytes),
    })),
  );
}

export function overlap(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end;
}
