import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Query } from '@openwit/tantivy-node';
import { parseSearch } from './parse-search.ts';

const text = (words: string, field = 'body'): Query => ({ kind: 'text', field, text: words });
const not = (child: Query): Query => ({ kind: 'not', child });
const and = (...children: Query[]): Query => ({ kind: 'and', children });
const or = (...children: Query[]): Query => ({ kind: 'or', children });
const parsed = (search: string) => parseSearch(search, 'body', (name) => `attributes.${name}`);

const SEARCHES: [string, Query][] = [
  ['timeout', text('timeout')],
  ['connection timeout', and(text('connection'), text('timeout'))],
  ['connection AND timeout', and(text('connection'), text('timeout'))],
  ['a b OR c d', or(and(text('a'), text('b')), and(text('c'), text('d')))],
  ['a (b OR c)', and(text('a'), or(text('b'), text('c')))],
  ['NOT a', not(text('a'))],
  ['-a', not(text('a'))],
  ['-(a b)', not(and(text('a'), text('b')))],
  ['NOT NOT a', not(not(text('a')))],
  ['a -b', and(text('a'), not(text('b')))],
  ['--verbose', text('--verbose')],
  ['a - b', and(text('a'), text('-'), text('b'))],
  ['and or not', and(text('and'), text('or'), text('not'))],
  ['\\AND', text('AND')],
  ['"connection timeout"', text('connection timeout')],
  ['"say \\"hi\\" \\\\"', text('say "hi" \\')],
  ['user-77 10.0.3.7 /api/v1', and(text('user-77'), text('10.0.3.7'), text('/api/v1'))],
  ['conn*', { kind: 'wildcard', field: 'body', pattern: 'conn*' }],
  ['w?rd', { kind: 'wildcard', field: 'body', pattern: 'w?rd' }],
  ['what\\?', text('what?')],
  ['~"time.?out\\d \\""', { kind: 'regex', field: 'body', pattern: 'time.?out\\d "' }],
  ['tmieout~', { kind: 'fuzzy', field: 'body', text: 'tmieout', distance: 1 }],
  ['tmieout~2', { kind: 'fuzzy', field: 'body', text: 'tmieout', distance: 2 }],
  ['a\\~', text('a~')],
  ['user.id:user-77', text('user-77', 'attributes.user.id')],
  ['http.route:(a OR "b c")', or(text('a', 'attributes.http.route'), text('b c', 'attributes.http.route'))],
  ['"odd key":x y', and(text('x', 'attributes.odd key'), text('y'))],
  ['a:b:c', text('c', 'attributes.b')],
  ['http://host:80/x', text('http://host:80/x')],
  ['12:30:05', text('12:30:05')],
  ['error: timeout', and(text('error:'), text('timeout'))],
  ['localhost\\:8080', text('localhost:8080')],
  ['-user.id:7*', not({ kind: 'wildcard', field: 'attributes.user.id', pattern: '7*' })],
  ['東京 ünï', and(text('東京'), text('ünï'))],
];

for (const [search, query] of SEARCHES) {
  test(`the search ${search}`, () => assert.deepEqual(parsed(search), query));
}

const WRONG: [string, string, number][] = [
  ['', 'a search is empty', 0],
  ['  ', 'a search is empty', 0],
  ['a OR', 'a term is missing', 4],
  ['OR a', 'a term is missing before OR', 0],
  ['a AND AND b', 'a term is missing before AND', 6],
  ['NOT', 'a term is missing', 3],
  ['(a', 'a parenthesis is not closed', 0],
  ['a)', 'a parenthesis closes nothing', 1],
  ['()', 'a term is missing before )', 1],
  ['a "b', 'a quote is not closed', 2],
  ['~"b', 'a quote is not closed', 1],
  ['a~3', 'a word can be 1 or 2 letters off', 0],
  ['a\\*b*', 'a term has wildcards and escaped ones', 0],
];

for (const [search, message, at] of WRONG) {
  test(`the search ${JSON.stringify(search)} is wrong at ${at}`, () => {
    assert.throws(() => parsed(search), { code: 'QUERY_INVALID', message: `${message}, in the search at ${at}` });
  });
}

test('searches have limits', () => {
  const limit = (search: string) => assert.throws(() => parsed(search), { code: 'QUERY_LIMIT' });
  limit('a '.repeat(257));
  limit(`${'('.repeat(10_000)}a`);
  limit('NOT '.repeat(40));
  limit('a:'.repeat(5000));
  limit('x'.repeat(17_000));
  assert.doesNotThrow(() => parsed('a '.repeat(256)));
  assert.doesNotThrow(() => parsed(`${'('.repeat(30)}a${')'.repeat(30)}`));
});
