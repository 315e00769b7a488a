import type { Analyser, Query } from '../query.ts';

/** A row by field. */
export type Row = Readonly<Record<string, string | null>>;

/** The meaning of a query by the words of the README, without anything of this package's own. */
export function matches(query: Query, row: Row, analysers: Readonly<Record<string, Analyser>>): boolean {
  switch (query.kind) {
    case 'and':
      return query.children.every((child) => matches(child, row, analysers));
    case 'or':
      return query.children.some((child) => matches(child, row, analysers));
    case 'not':
      return !matches(query.child, row, analysers);
    case 'contains':
      return row[query.field]?.includes(query.text) ?? false;
    default: {
      const analyser = analysers[query.field];
      if (analyser === undefined) return false;
      return hasNeighbours(tokensOf(row[query.field] ?? '', analyser), wantedTokens(query, analyser));
    }
  }
}

type TokenTest = (token: string) => boolean;
type LeafQuery = Exclude<Query, { kind: 'and' | 'or' | 'not' | 'contains' }>;

function hasNeighbours(tokens: readonly string[], wanted: readonly TokenTest[]): boolean {
  return tokens.some((_, at) => wanted.every((test, i) => at + i < tokens.length && test(tokens[at + i]!)));
}

function wantedTokens(query: LeafQuery, analyser: Analyser): TokenTest[] {
  switch (query.kind) {
    case 'text':
      return tokensOf(query.text, analyser).map((wanted) => (token) => token === wanted);
    case 'regex': {
      const regex = new RegExp(`^(?:${query.pattern})$`, 'su');
      return [(token) => regex.test(token)];
    }
    case 'wildcard':
      return wildcards(query.pattern, analyser);
    case 'fuzzy':
      return tokensOf(query.text, analyser).map((wanted) => (token) => {
        if (isIdentifier(wanted)) return token === wanted;
        return !isIdentifier(token) && distance([...wanted], [...token]) <= query.distance;
      });
  }
}

function wildcards(pattern: string, analyser: Analyser): TokenTest[] {
  if (analyser === 'raw') return [wildcard(pattern)];
  return pattern.split(/[^\p{L}\p{M}\p{N}*?]+/u).flatMap((piece) => {
    if (piece === '') return [];
    if (/[*?]/.test(piece)) return [wildcard(lowerCase(piece))];
    return tokensOf(piece, analyser).map((wanted) => (token: string) => token === wanted);
  });
}

function wildcard(pattern: string): TokenTest {
  const parts = pattern.split(/([*?])/).map((part) => (part === '*' ? '.*' : part === '?' ? '.' : escaped(part)));
  const regex = new RegExp(`^${parts.join('')}$`, 'su');
  return (token) => regex.test(token);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

export function tokensOf(text: string, analyser: Analyser): string[] {
  if (analyser === 'raw') return text === '' ? [] : [text];
  const words = text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const all = analyser === 'log' ? words : words.flatMap(pairs);
  return all.map(lowerCase);
}

const CJK = '[々-〇ぁ-ゖァ-ヺー-ヾㇰ-ㇿ㐀-䶿一-鿿가-힣豈-﫿ｦ-ﾝ\u{20000}-\u{3FFFD}ᄀ-ᇿ]';

function pairs(word: string): string[] {
  return (word.match(new RegExp(`${CJK}+|(?:(?!${CJK}).)+`, 'gsu')) ?? []).flatMap((run) => {
    const characters = [...run];
    if (!new RegExp(CJK, 'u').test(run) || characters.length === 1) return [run];
    return characters.slice(1).map((second, i) => characters[i]! + second);
  });
}

function lowerCase(text: string): string {
  return [...text].map((character) => character.toLowerCase()).join('');
}

function isIdentifier(token: string): boolean {
  return (/\p{N}/u.test(token) && [...token].length > 3) || Buffer.byteLength(token) > 64 || token.startsWith('\0');
}

/** Letters that are added, left out, changed, or exchanged with their neighbour: each counts one (optimal string alignment). */
function distance(a: readonly string[], b: readonly string[]): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...new Array<number>(b.length).fill(0)]);
  for (let j = 1; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      rows[i]![j] = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        rows[i]![j] = Math.min(rows[i]![j]!, rows[i - 2]![j - 2]! + 1);
      }
    }
  }
  return rows[a.length]![b.length]!;
}
