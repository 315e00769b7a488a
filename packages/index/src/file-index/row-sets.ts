/** What is in both; each ascends. */
export function intersection(a: Uint32Array, b: Uint32Array): Uint32Array {
  const common = new Uint32Array(Math.min(a.length, b.length));
  let count = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const difference = a[i]! - b[j]!;
    if (difference === 0) common[count++] = a[i]!;
    if (difference <= 0) i++;
    if (difference >= 0) j++;
  }
  return common.subarray(0, count);
}

/** What is in any; each ascends. */
export function union(sets: readonly Uint32Array[]): Uint32Array {
  const [first, ...others] = sets;
  if (first === undefined) return new Uint32Array(0);
  if (others.length > 1) {
    const half = sets.length >> 1;
    return union([union(sets.slice(0, half)), union(sets.slice(half))]);
  }
  return others[0] === undefined ? first : either(first, others[0]);
}

function either(a: Uint32Array, b: Uint32Array): Uint32Array {
  const all = new Uint32Array(a.length + b.length);
  let count = 0;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const difference = a[i]! - b[j]!;
    all[count++] = difference <= 0 ? a[i]! : b[j]!;
    if (difference <= 0) i++;
    if (difference >= 0) j++;
  }
  all.set(a.subarray(i), count);
  all.set(b.subarray(j), count + a.length - i);
  return all.subarray(0, count + a.length - i + b.length - j);
}
