import { OpenWitError, type RowTest, type TextSearcher } from '@openwit/ports';
import { type Query, RowMatcher, TantivyError } from '@openwit/tantivy-node';
import { parseSearch } from './grammar/parse-search.ts';

/** The field of the column that is searched. No name of another field is empty. */
const OWN = '';

/** Searches by the language of docs/reference/search.md. */
export const textSearcher: TextSearcher = {
  compile(search: string, fieldOf: (name: string) => void): RowTest {
    const fields = [OWN];
    const query = parseSearch(search, OWN, (name) => {
      if (!fields.includes(name)) {
        fieldOf(name);
        fields.push(name);
      }
      return name;
    });
    const matcher = matcherOf(query, fields);
    return { test: (rows, columns) => matcher.match(rows, columns) };
  },
};

function matcherOf(query: Query, fields: readonly string[]): RowMatcher {
  try {
    return new RowMatcher(
      query,
      fields.map((name) => ({ name, analyser: 'log' })),
    );
  } catch (error) {
    throw error instanceof TantivyError ? asOpenWitError(error) : error;
  }
}

function asOpenWitError(cause: TantivyError): OpenWitError {
  switch (cause.code) {
    case 'invalid':
      return new OpenWitError('invalid', 'QUERY_INVALID', cause.message, { cause });
    case 'limit':
      return new OpenWitError('invalid', 'QUERY_LIMIT', cause.message, { cause });
    case 'unavailable':
      return new OpenWitError('invalid', 'MISSING_PACKAGE', cause.message, { cause });
    default:
      return new OpenWitError('internal', 'INTERNAL', cause.message, { cause });
  }
}
