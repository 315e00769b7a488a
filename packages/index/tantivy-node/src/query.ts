/** How text becomes tokens; see the README for what each makes of it. */
export type Analyser = 'log' | 'cjk' | 'raw';

/** What is searched for. A field that rows do not have has no tokens in them. */
export type Query =
  /** The tokens of a text, one after the other. */
  | { readonly kind: 'text'; readonly field: string; readonly text: string }
  /** The same, in which `*` is any characters of a word and `?` is one. */
  | { readonly kind: 'wildcard'; readonly field: string; readonly pattern: string }
  /** One whole token, in the syntax of Rust's `regex` without look-around. Tokens of `log` and `cjk` are in lower case. */
  | { readonly kind: 'regex'; readonly field: string; readonly pattern: string }
  /** Words, each with at most so many letters (2 at most) added, left out, changed or exchanged; identifiers as they are. */
  | { readonly kind: 'fuzzy'; readonly field: string; readonly text: string; readonly distance: number }
  /** The text itself has this in it, letter by letter. An index only narrows it down. */
  | { readonly kind: 'contains'; readonly field: string; readonly text: string }
  | { readonly kind: 'and' | 'or'; readonly children: readonly Query[] }
  | { readonly kind: 'not'; readonly child: Query };
