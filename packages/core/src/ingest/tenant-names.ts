import { checkTenant, OpenWitError } from '@openwit/ports';

/** DuckLake's own schema, which is there from the start. */
const FIRST_SCHEMA = 'main';

/**
 * The tenants that a node has records of. A name is refused before anything of it is taken: when no table could be named
 * after it, when another tenant differs only in case (DuckDB's names ignore it, and so do some file systems), and when
 * there are too many.
 */
export class TenantNames {
  readonly #maxTenants: number;
  /** By the lower-case name. */
  readonly #names = new Map<string, string>([[FIRST_SCHEMA, FIRST_SCHEMA]]);

  constructor(known: Iterable<string>, maxTenants: number) {
    this.#maxTenants = maxTenants;
    for (const name of known) this.#names.set(name.toLowerCase(), name);
  }

  /** @throws invalid / INVALID_TENANT */
  check(name: string): void {
    const known = this.#names.get(name.toLowerCase());
    if (known === name) return;
    checkTenant(name);
    if (known !== undefined) throw refusal(`another tenant differs only in case, tenant=${name} other=${known}`);
    if (this.#names.size > this.#maxTenants) throw refusal(`too many tenants, limit=${this.#maxTenants}`);
  }

  /** Records of the tenant were taken. */
  add(name: string): void {
    this.#names.set(name.toLowerCase(), name);
  }
}

function refusal(message: string): OpenWitError {
  return new OpenWitError('invalid', 'INVALID_TENANT', message);
}
