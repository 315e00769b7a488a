import { OpenWitError } from '@openwit/ports';
import { META, PAGE, PAGE_TYPE } from './metadata-fields.ts';
import { integer, readThrift, type ThriftStruct } from './thrift.ts';

export interface Page {
  readonly type: number;
  readonly header: ThriftStruct;
  readonly body: Uint8Array;
}

/** The pages of a column chunk that is not compressed. @throws internal / INTERNAL for pages of another form */
export function pagesOf(chunk: Uint8Array): Page[] {
  const pages: Page[] = [];
  for (let at = 0; at < chunk.length; ) {
    const { struct: header, end: bodyAt } = readThrift(chunk, at);
    const type = integer(header, PAGE.type)!;
    const length = integer(header, PAGE.compressedBytes)!;
    const isKnown = type === PAGE_TYPE.data || type === PAGE_TYPE.dictionary;
    if (!isKnown || length !== integer(header, PAGE.uncompressedBytes)) {
      throw new OpenWitError('internal', 'INTERNAL', `a page of an unknown form, type=${type}`);
    }
    pages.push({ type, header, body: chunk.subarray(bodyAt, (at = bodyAt + length)) });
  }
  return pages;
}

/** Where a column chunk's pages lie. */
export function chunkRange(meta: ThriftStruct): { readonly start: number; readonly end: number } {
  const start = integer(meta, META.dictionaryPage) ?? integer(meta, META.dataPage)!;
  return { start, end: start + integer(meta, META.compressedBytes)! };
}
