export { parseSearch } from './grammar/parse-search.ts';
export { textSearcher } from './text-searcher.ts';
