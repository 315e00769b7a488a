import { OpenWitError } from '@openwit/ports';

/** Imports a package that only some installs have. @throws invalid / MISSING_PACKAGE */
export async function optionalPackage<T>(name: string, what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const message = `${what} needs a package that is not installed, try=\`npm install ${name}\``;
    throw new OpenWitError('invalid', 'MISSING_PACKAGE', message, { cause, details: { package: name } });
  }
}
