import { type CompiledSearch, OpenWitError, type TextAnalyser, type TextSearcher } from '@openwit/ports';
import { type Query, RowMatcher, TantivyError } from '@openwit/tantivy-node';
import { parseSearch } from './grammar/parse-search.ts';

/** The field of the column that is searched. No name of another field is empty. */
const OWN = '';

/** Searches by the language of docs/reference/search.md. */
export const textSearcher: TextSearcher = {
  compile(search: string, analyser: TextAnalyser, fieldOf: (name: string) => TextAnalyser): CompiledSearch {
    const analysers = new Map([[OWN, analyser]]);
    const query = parseSearch(search, OWN, (name) => {
      if (!analysers.has(name)) analysers.set(name, fieldOf(name));
      return name;
    });
    const matcher = matcherOf(query, analysers);
    return {
      test: (rows, columns) => matcher.match(rows, columns),
      fields: [...analysers.keys()],
      analysers: [...analysers.values()],
      query,
    };
  },
};

function matcherOf(query: Query, analysers: ReadonlyMap<string, TextAnalyser>): RowMatcher {
  try {
    return new RowMatcher(
      query,
      [...analysers].map(([name, analyser]) => ({ name, analyser })),
    );
  } catch (error) {
    throw error instanceof TantivyError ? searchFailure(error) : error;
  }
}

/** What a search fails with. */
export function searchFailure(cause: TantivyError): OpenWitError {
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
