import { OpenWitError } from '@openwit/ports';

/** A number from the user's configuration, or its default. @throws invalid / INVALID_CONFIG */
export function positive(name: string, value: number | undefined, fallback: number): number {
  const chosen = value ?? fallback;
  if (Number.isFinite(chosen) && chosen > 0) return chosen;
  throw new OpenWitError(
    'invalid',
    'INVALID_CONFIG',
    `must be a positive number, option=${name} value=${String(value)}`,
    {
      details: { option: name },
    },
  );
}

/** @throws invalid / INVALID_CONFIG */
export function positiveInteger(name: string, value: number | undefined, fallback: number): number {
  const chosen = positive(name, value, fallback);
  if (Number.isSafeInteger(chosen)) return chosen;
  throw new OpenWitError('invalid', 'INVALID_CONFIG', `must be an integer, option=${name} value=${String(value)}`, {
    details: { option: name },
  });
}
