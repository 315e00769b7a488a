import { OpenWitError } from '@openwit/ports';

/** @param at offset into the search, in UTF-16 units */
export function searchError(code: 'QUERY_INVALID' | 'QUERY_LIMIT', message: string, at: number): OpenWitError {
  return new OpenWitError('invalid', code, `${message}, in the search at ${at}`, { details: { searchPosition: at } });
}
