export type { QuerySettings } from './engine/settings.ts';
export * from './formats/formats.ts';
export * from './query-engine.ts';
export { QueryResult, type QueryStats } from './query-result.ts';
export type { ResultColumn } from './results/arrow-batch.ts';
export type { BindableValue } from './sql/parameters.ts';
