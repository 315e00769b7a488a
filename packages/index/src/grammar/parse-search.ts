import type { Query } from '@openwit/tantivy-node';
import { searchError } from './search-error.ts';
import { type Word, wordsOf } from './words.ts';

const MOST_CHARACTERS = 16 * 1024;
const MOST_TERMS = 256;
const MOST_DEPTH = 32;

/**
 * The query that a search says, as `match(column, search)` in SQL does; docs/reference/search.md has the grammar.
 * @param field of terms that name none
 * @param fieldOf what a name in front of a colon means @throws QUERY_INVALID, QUERY_LIMIT
 */
export function parseSearch(search: string, field: string, fieldOf: (name: string) => string): Query {
  if (search.length > MOST_CHARACTERS) {
    throw searchError('QUERY_LIMIT', `a search is too long, limit=${MOST_CHARACTERS} characters`, MOST_CHARACTERS);
  }
  const words = wordsOf(search);
  if (words.length === 0) throw searchError('QUERY_INVALID', 'a search is empty', 0);
  return new Parser(words, search.length, fieldOf).parse(field);
}

/** `or := and (OR and)*`, `and := not (AND? not)*`, `not := NOT not | field? value`, `value := term | ( or )` */
class Parser {
  readonly #words: readonly Word[];
  readonly #end: number;
  readonly #fieldOf: (name: string) => string;
  #next = 0;
  #terms = 0;
  #depth = 0;

  constructor(words: readonly Word[], end: number, fieldOf: (name: string) => string) {
    this.#words = words;
    this.#end = end;
    this.#fieldOf = fieldOf;
  }

  parse(field: string): Query {
    const query = this.#or(field);
    const left = this.#words[this.#next];
    if (left !== undefined) throw searchError('QUERY_INVALID', 'a parenthesis closes nothing', left.at);
    return query;
  }

  #or(field: string): Query {
    const children = [this.#and(field)];
    while (this.#take('OR')) children.push(this.#and(field));
    return children.length === 1 ? children[0]! : { kind: 'or', children };
  }

  #and(field: string): Query {
    const children = [this.#not(field)];
    while (this.#take('AND') || this.#begins()) children.push(this.#not(field));
    return children.length === 1 ? children[0]! : { kind: 'and', children };
  }

  #not(field: string): Query {
    if (++this.#depth > MOST_DEPTH) {
      throw searchError('QUERY_LIMIT', `a search is nested too deep, limit=${MOST_DEPTH}`, this.#at());
    }
    const query: Query = this.#take('NOT') ? { kind: 'not', child: this.#not(field) } : this.#value(field);
    this.#depth--;
    return query;
  }

  #value(field: string): Query {
    const word = this.#words[this.#next];
    if (word === undefined) throw searchError('QUERY_INVALID', 'a term is missing', this.#end);
    this.#next++;
    if (word.kind !== '(' && ++this.#terms > MOST_TERMS) {
      throw searchError('QUERY_LIMIT', `a search has too many terms, limit=${MOST_TERMS}`, word.at);
    }
    switch (word.kind) {
      case '(': {
        const query = this.#or(field);
        if (!this.#take(')')) throw searchError('QUERY_INVALID', 'a parenthesis is not closed', word.at);
        return query;
      }
      case 'field':
        return this.#value(this.#fieldOf(word.name));
      case 'phrase':
        return { kind: 'text', field, text: word.text };
      case 'regex':
        return { kind: 'regex', field, pattern: word.text };
      case 'fuzzy':
        return { kind: 'fuzzy', field, text: word.text, distance: word.distance };
      case 'term':
        return word.wildcards
          ? { kind: 'wildcard', field, pattern: word.text }
          : { kind: 'text', field, text: word.text };
      default:
        throw searchError('QUERY_INVALID', `a term is missing before ${word.kind}`, word.at);
    }
  }

  /** Whether something follows that has no operator before it. */
  #begins(): boolean {
    const kind = this.#words[this.#next]?.kind;
    return kind !== undefined && kind !== ')' && kind !== 'OR' && kind !== 'AND';
  }

  #take(kind: Word['kind']): boolean {
    if (this.#words[this.#next]?.kind !== kind) return false;
    this.#next++;
    return true;
  }

  #at(): number {
    return this.#words[this.#next]?.at ?? this.#end;
  }
}
