import type { Query } from '../query.ts';
import type { Row } from './evaluate.ts';

/** Numbers from 0 to 1, the same for a seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const WORDS = (
  'connection timeout time Timeout connect lock deadlock unlock locked error Error errors ERROR retry failed fail ' +
  'a ab abc 404 500 v2 k8s ünïcode Ünïcode ΑΣ σας İstanbul ﬁle naïve 東京 東京都庁 京 사용자 データ é e\u0301 x'
).split(' ');
const SEPARATORS = [' ', ' ', ' ', ' ', '-', '/', '.', '_', ':', '=', ' -- ', '\n', '"', '\0', '🙂', ''];

/** A log line of what is hard: identifiers of every shape, words that are parts of others, other scripts, nothing at all. */
export function text(random: () => number): string {
  if (random() < 0.03) return '';
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const piece = (): string => {
    switch (Math.floor(random() * 8)) {
      case 0:
        return `user-${Math.floor(random() * 30)}`;
      case 1:
        return Math.floor(random() * 2 ** 31).toString(16);
      case 2:
        return `${pick(WORDS)}${Math.floor(random() * 10_000)}${random() < 0.3 ? pick(WORDS) : ''}`;
      case 3:
        return `10.0.${Math.floor(random() * 4)}.${Math.floor(random() * 4)}`;
      default:
        return pick(WORDS);
    }
  };
  let line = '';
  const count = 1 + Math.floor(random() * 12);
  for (let i = 0; i < count; i++) line += piece() + pick(SEPARATORS);
  if (random() < 0.01) line += `${'long'.repeat(30)}${Math.floor(random() * 3)}`;
  return line;
}

/** Rows of a field each of `log`, `cjk` and `raw`, some without a value. */
export function rows(random: () => number, count: number): Row[] {
  const value = (make: () => string) => (random() < 0.05 ? null : make());
  return Array.from({ length: count }, () => ({
    log: value(() => text(random)),
    cjk: value(() => text(random)),
    raw: value(() => (random() < 0.5 ? Math.floor(random() * 2 ** 40).toString(16) : text(random).slice(0, 12))),
  }));
}

/** A query of any kind, mostly of what rows have. */
export function query(random: () => number, among: readonly Row[], depth = 0): Query {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const kind = random();
  const child = () => query(random, among, depth + 1);
  if (depth < 4 && kind < 0.3) {
    const children = Array.from({ length: 1 + Math.floor(random() * 3) }, child);
    return { kind: random() < 0.5 ? 'and' : 'or', children };
  }
  if (depth < 4 && kind < 0.4) return { kind: 'not', child: child() };
  const field = random() < 0.02 ? 'nothing' : pick(['log', 'log', 'log', 'cjk', 'raw']);
  const own = pick(among)[field] ?? text(random);
  const from = Math.floor(random() * own.length);
  const piece = [...own.slice(from)].slice(0, 1 + Math.floor(random() * 14)).join('');
  const word = pick(own.split(/[^\p{L}\p{M}\p{N}]+/u).filter((one) => one !== '')) ?? 'lock';
  switch (Math.floor(random() * 6)) {
    case 0:
      return { kind: 'text', field, text: piece };
    case 1:
      return { kind: 'text', field, text: field === 'raw' ? own : word };
    case 2:
      return { kind: 'wildcard', field, pattern: wild(random, random() < 0.5 ? piece : word) };
    case 3:
      return { kind: 'contains', field, text: piece };
    case 4:
      return { kind: 'fuzzy', field, text: changed(random, word), distance: 1 + Math.floor(random() * 2) };
    default:
      return { kind: 'regex', field, pattern: regexOf(random, word.toLowerCase()) };
  }
}

function wild(random: () => number, text: string): string {
  const characters = [...text];
  const at = Math.floor(random() * (characters.length + 1));
  const removed = Math.floor(random() * 3);
  characters.splice(at, removed, random() < 0.7 ? '*' : '?');
  return characters.join('');
}

function changed(random: () => number, word: string): string {
  const characters = [...word];
  characters.splice(Math.floor(random() * characters.length), 1, ...(random() < 0.5 ? ['x'] : []));
  return characters.join('') || 'x';
}

function regexOf(random: () => number, word: string): string {
  const letters = [...word].map((letter) => letter.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const at = Math.floor(random() * letters.length);
  letters[at] = ['.', '[a-z]', '\\p{L}', `(?:${letters[at]}|x)`, '.*', `${letters[at]}+`][Math.floor(random() * 6)]!;
  return letters.join('');
}
