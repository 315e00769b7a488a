export { fileIndexer } from './file-indexer.ts';
export { parseSearch } from './grammar/parse-search.ts';
export { indexSearcher } from './index-searcher.ts';
export { textSearcher } from './text-searcher.ts';
