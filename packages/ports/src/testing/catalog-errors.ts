import { isOpenWitError } from '../errors.ts';

export function isConflict(error: unknown): boolean {
  return isOpenWitError(error) && error.kind === 'unavailable' && error.code === 'CATALOG_CONFLICT';
}

export function isFenced(error: unknown): boolean {
  return isOpenWitError(error) && error.kind === 'fenced' && error.code === 'FENCED';
}
