import { integer, type ThriftStruct } from '../parquet/thrift.ts';
import { UnknownForm } from './unknown-form.ts';

/** A number from 0 on that must be there. @throws UnknownForm */
export function natural(struct: ThriftStruct, id: number): number {
  const value = integer(struct, id);
  if (value === undefined || value < 0) throw new UnknownForm(`no number at field ${id}`);
  return value;
}

/** A struct that must be there. @throws UnknownForm */
export function structAt({ fields }: ThriftStruct, id: number): ThriftStruct {
  const value = fields[id];
  if (value?.type !== 'struct') throw new UnknownForm(`no struct at field ${id}`);
  return value;
}
