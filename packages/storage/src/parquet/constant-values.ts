import type { ColumnData } from '@openwit/ports';
import type { StoredColumn } from './stored-layout.ts';
import { isValid } from './validity.ts';

/** True when all values are the same, so that one of them tells all. Lists and maps are when all of them are empty. */
export function isConstant({ type }: Pick<StoredColumn, 'type'>, values: ColumnData): boolean {
  const { length, validity } = values;
  if (validity !== undefined) {
    const areValid = isValid(validity, 0);
    if (!areAllValid(validity, length, areValid)) return false;
    if (!areValid) return true;
  }
  switch (type) {
    case 'list':
    case 'map':
      return values.offsets![length] === values.offsets![0];
    case 'struct':
      return false;
    case 'varchar':
      return isOneText(values);
    default:
      return isOneNumber(values);
  }
}

function areAllValid(validity: Uint8Array, length: number, wanted: boolean): boolean {
  for (let i = 0; i < length; i++) if (isValid(validity, i) !== wanted) return false;
  return true;
}

function isOneText({ length, indices, dictionary, ...own }: ColumnData): boolean {
  const { offsets, values } = dictionary ?? own;
  const at = (i: number) => (indices === undefined ? i : indices[i]!);
  const start = offsets![at(0)]!;
  const size = offsets![at(0) + 1]! - start;
  for (let i = 1; i < length; i++) {
    const from = offsets![at(i)]!;
    if (offsets![at(i) + 1]! - from !== size) return false;
    if (from === start) continue;
    for (let k = 0; k < size; k++) if (values![from + k] !== values![start + k]) return false;
  }
  return true;
}

/** By their bits: so zeros of both signs differ, and a NaN is like itself. */
function isOneNumber({ length, values }: ColumnData): boolean {
  const { buffer, byteOffset, BYTES_PER_ELEMENT } = values!;
  if (BYTES_PER_ELEMENT === 1) return isRepeating(new Uint8Array(buffer, byteOffset, length), 1);
  const words = BYTES_PER_ELEMENT / 4;
  return isRepeating(new Uint32Array(buffer, byteOffset, words * length), words);
}

function isRepeating(words: Uint8Array | Uint32Array, period: number): boolean {
  for (let i = period; i < words.length; i++) if (words[i] !== words[i - period]) return false;
  return true;
}
