import { isAvailable } from '../addon.ts';

/** For tests: without cargo there is none. */
export const needsAddon: { readonly skip: string | false } = {
  skip: isAvailable() ? false : 'there is no native addon on this machine',
};
