export * from './batch-of.ts';
export { type SharedCatalogPlace, testSharedCatalog } from './catalog-nodes-suite.ts';
export * from './catalog-suite.ts';
export * from './driven-clock.ts';
export * from './faulty-file-system.ts';
export * from './memory-file-system.ts';
export * from './random-rows.ts';
export * from './seeded-random.ts';
export * from './write-ahead-log-suite.ts';
