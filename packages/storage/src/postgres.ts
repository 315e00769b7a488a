export { PostgresCatalog, type PostgresCatalogSettings } from './catalog/postgres-catalog.ts';
export type { PostgresSettings } from './catalog/postgres-database.ts';
