import { isAbsolute, join, relative } from 'node:path';
import type { TableName } from '@openwit/ports';

/** A file's place as DuckLake keeps it: relative to its table's folder, or whole. */
export interface KeptPath {
  readonly path: string;
  readonly isRelative: boolean;
}

/** How the catalog writes down where files are: so that its folder can be moved with the files in it. */
export class DataPaths {
  readonly root: string;

  /** @param root the data path of the catalog, absolute */
  constructor(root: string) {
    this.root = root;
  }

  kept(tenant: string, table: TableName, path: string): KeptPath {
    const inner = innerPath(join(this.root, tenant, table), path);
    return inner === undefined ? { path, isRelative: false } : { path: inner, isRelative: true };
  }

  absolute(tenant: string, table: TableName, { path, isRelative }: KeptPath): string {
    return isRelative ? join(this.root, tenant, table, path) : path;
  }

  /** Without a table: relative to the data path, or whole. */
  keptGarbage(path: string): string {
    return innerPath(this.root, path) ?? path;
  }

  absoluteGarbage(kept: string): string {
    return isUrl(kept) || isAbsolute(kept) ? kept : join(this.root, kept);
  }

  /** What a file at this place may be called in the catalog, whatever table it is in. */
  candidates(path: string): string[] {
    const inner = innerPath(this.root, path)?.split('/').slice(2).join('/');
    return inner === undefined || inner === '' ? [path] : [path, inner];
  }
}

function innerPath(folder: string, path: string): string | undefined {
  if (isUrl(path) || !isAbsolute(path)) return undefined;
  const inner = relative(folder, path);
  return inner === '' || inner.startsWith('..') || isAbsolute(inner) ? undefined : inner;
}

function isUrl(path: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(path);
}
