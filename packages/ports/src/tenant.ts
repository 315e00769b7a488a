import { OpenWitError } from './errors.ts';

/** The tenant of a request that names none. */
export const DEFAULT_TENANT = 'default';

/** The HTTP header and gRPC metadata key that names the tenant, by default. */
export const DEFAULT_TENANT_HEADER = 'x-scope-orgid';

const TENANT_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,149}$/;
const RESERVED = new Set(['information_schema', 'pg_catalog', 'openwit']);

/**
 * Returns the name when it is one: a letter or digit, then up to 149 letters, digits, `_`, `.` or `-`. It becomes a
 * folder and a schema name, so nothing else is accepted. @throws invalid / INVALID_TENANT
 */
export function checkTenant(name: string): string {
  if (!TENANT_NAME.test(name) || RESERVED.has(name.toLowerCase())) {
    throw new OpenWitError('invalid', 'INVALID_TENANT', `invalid tenant name, tenant=${JSON.stringify(name)}`);
  }
  return name;
}
