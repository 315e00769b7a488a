import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Analyser, analyse } from './index.ts';
import { tokensOf } from './testing/evaluate.ts';
import { randomOf, text } from './testing/generate.ts';
import { needsAddon } from './testing/needs-addon.ts';

const TOKENS: [Analyser, string, string[]][] = [
  ['log', 'GET /api/v1/Ünï user-77 10.0.3.7', ['get', 'api', 'v1', 'ünï', 'user', '77', '10', '0', '3', '7']],
  ['log', 'id=3FA2b1c9 a_b', ['id', '3fa2b1c9', 'a', 'b']],
  ['log', ' -- 🙂', []],
  ['log', 'e\u0301te\u0301', ['e\u0301te\u0301']],
  ['cjk', '東京都 ab字 京', ['東京', '京都', 'ab', '字', '京']],
  ['cjk', '데이터 x', ['데이', '이터', 'x']],
  ['raw', 'A b', ['A b']],
  ['raw', '', []],
];

for (const [analyser, line, tokens] of TOKENS) {
  test(`${analyser}: ${JSON.stringify(line)}`, needsAddon, () => assert.deepEqual(analyse(analyser, line), tokens));
}

test('tokens of generated lines are those of another tokenizer', needsAddon, () => {
  const random = randomOf(1);
  for (let i = 0; i < 5000; i++) {
    const line = text(random);
    for (const analyser of ['log', 'cjk', 'raw'] as const) {
      assert.deepEqual(analyse(analyser, line), tokensOf(line, analyser), JSON.stringify(line));
    }
  }
});

test('there are no other analysers', needsAddon, () => {
  assert.throws(() => analyse('english' as Analyser, 'text'), { name: 'TantivyError', code: 'invalid' });
});
