import { OpenWitError } from '@openwit/ports';
import { META, PAGE, PAGE_TYPE } from './metadata-fields.ts';
import { integer, readThrift, type ThriftStruct } from './thrift.ts';

export interface Page {
  readonly type: number;
  readonly header: ThriftStruct;
  readonly body: Uint8Array;
}

/** The pages of a column chunk that is not compressed. @throws internal / INTERNAL for pages of another form */
export function pagesOf(file: Uint8Array, meta: ThriftStruct): Page[] {
  const { start, end } = chunkRange(meta);
  const pages: Page[] = [];
  for (let at = start; at < end; ) {
    const { struct: header, end: bodyAt } = readThrift(file, at);
    const type = integer(header, PAGE.type)!;
    const length = integer(header, PAGE.compressedBytes)!;
    const isKnown = type === PAGE_TYPE.data || type === PAGE_TYPE.dictionary;
    if (!isKnown || length !== integer(header, PAGE.uncompressedBytes)) {
      throw new OpenWitError('internal', 'INTERNAL', `a page of an unknown form, type=${type}`);
    }
    pages.push({ type, header, body: file.subarray(bodyAt, (at = bodyAt + length)) });
  }
  return pages;
}

/** Where a column chunk's pages lie. */
export function chunkRange(meta: ThriftStruct): { readonly start: number; readonly end: number } {
  const start = integer(meta, META.dictionaryPage) ?? integer(meta, META.dataPage)!;
  return { start, end: start + integer(meta, META.compressedBytes)! };
}
