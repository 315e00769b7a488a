import { searchError } from './search-error.ts';

/** A piece of a search, and where it begins. */
export type Word =
  | { readonly kind: '(' | ')' | 'AND' | 'OR' | 'NOT'; readonly at: number }
  /** `field:` in front of a value or a group. */
  | { readonly kind: 'field'; readonly at: number; readonly name: string }
  /** Quoted: neither wildcards nor operators are in it. */
  | { readonly kind: 'phrase' | 'regex'; readonly at: number; readonly text: string }
  /** As it is written, with what is escaped as it is meant. */
  | { readonly kind: 'term'; readonly at: number; readonly text: string; readonly wildcards: boolean }
  | { readonly kind: 'fuzzy'; readonly at: number; readonly text: string; readonly distance: number };

const OPERATORS: ReadonlySet<string> = new Set(['AND', 'OR', 'NOT']);
/** What a field's name is made of when it is not quoted. */
const FIELD = /[\p{L}_][\p{L}\p{N}_.@-]*:(?=[^\s:/])/uy;
const SPACE = /\s+/uy;
/** In front of a term, not of a flag like `--verbose`. */
const MINUS = /-(?=[^\s-])/y;
const FUZZY = /~(\d?)$/;

/** @throws QUERY_INVALID, with the position */
export function wordsOf(search: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  const skip = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(search)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  while (skip(SPACE) !== undefined || at < search.length) {
    if (at === search.length) break;
    const start = at;
    const character = search[at]!;
    if (character === '(' || character === ')') {
      at++;
      words.push({ kind: character, at: start });
      continue;
    }
    if (skip(MINUS) !== undefined) {
      words.push({ kind: 'NOT', at: start });
      continue;
    }
    const field = skip(FIELD);
    if (field !== undefined) {
      words.push({ kind: 'field', at: start, name: field.slice(0, -1) });
      continue;
    }
    if (character === '"' || search.startsWith('~"', at)) {
      const kind = character === '"' ? 'phrase' : 'regex';
      const { text, end } = quotedAt(search, kind === 'phrase' ? at + 1 : at + 2, kind === 'regex');
      at = end;
      if (kind === 'phrase' && search[at] === ':') {
        at++;
        words.push({ kind: 'field', at: start, name: text });
      } else words.push({ kind, at: start, text });
      continue;
    }
    const { written, end } = termAt(search, at);
    at = end;
    words.push(termOf(written, start));
  }
  return words;
}

/** In a regular expression a backslash is its own, but before a quote. */
function quotedAt(search: string, from: number, isRegex: boolean): { text: string; end: number } {
  let text = '';
  for (let at = from; at < search.length; at++) {
    const character = search[at]!;
    if (character === '"') return { text, end: at + 1 };
    const next = search[at + 1];
    if (character === '\\' && next !== undefined) {
      text += isRegex && next !== '"' ? character + next : next;
      at++;
    } else text += character;
  }
  throw searchError('QUERY_INVALID', 'a quote is not closed', from - 1);
}

interface Letter {
  readonly text: string;
  readonly isEscaped: boolean;
}

/** Up to a space, a parenthesis or a quote. */
function termAt(search: string, from: number): { written: readonly Letter[]; end: number } {
  const written: Letter[] = [];
  let at = from;
  while (at < search.length && !/[\s()"]/u.test(search[at]!)) {
    const isEscaped = search[at] === '\\' && at + 1 < search.length;
    if (isEscaped) at++;
    written.push({ text: search[at]!, isEscaped });
    at++;
  }
  return { written, end: at };
}

function termOf(written: readonly Letter[], at: number): Word {
  const text = written.map((letter) => letter.text).join('');
  const isEscaped = written.some((letter) => letter.isEscaped);
  if (!isEscaped && OPERATORS.has(text)) return { kind: text as 'AND' | 'OR' | 'NOT', at };
  const fuzzy = isEscaped && written.at(-1)!.isEscaped ? null : FUZZY.exec(text);
  if (fuzzy !== null) {
    const distance = fuzzy[1] === '' ? 1 : Number(fuzzy[1]);
    if (distance < 1 || distance > 2) throw searchError('QUERY_INVALID', 'a word can be 1 or 2 letters off', at);
    return { kind: 'fuzzy', at, text: text.slice(0, fuzzy.index), distance };
  }
  const isWild = ({ text: letter }: Letter) => letter === '*' || letter === '?';
  const wildcards = written.some((letter) => isWild(letter) && !letter.isEscaped);
  if (wildcards && written.some((letter) => isWild(letter) && letter.isEscaped)) {
    throw searchError('QUERY_INVALID', 'a term has wildcards and escaped ones', at);
  }
  return { kind: 'term', at, text, wildcards };
}
