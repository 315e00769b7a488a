import type { Query } from '@openwit/tantivy-node';

/** A query that finds no fewer rows than the one that it was made of. */
export interface Narrowed {
  readonly query: Query;
  /** It finds the same rows. */
  readonly isSame: boolean;
}

/**
 * The query over fields that an index has.
 * @param fieldOf what a field is called there; undefined where it is not
 * @returns undefined when it may find any row
 */
export function narrowed(query: Query, fieldOf: (field: string) => string | undefined): Narrowed | undefined {
  switch (query.kind) {
    case 'and': {
      const parts = query.children.map((child) => narrowed(child, fieldOf));
      const children = parts.flatMap((part) => part?.query ?? []);
      if (children.length === 0) return undefined;
      const isSame = parts.every((part) => part?.isSame === true);
      return { query: { kind: 'and', children }, isSame };
    }
    case 'or': {
      const parts = query.children.map((child) => narrowed(child, fieldOf));
      if (parts.includes(undefined)) return undefined;
      const children = parts.map((part) => part!.query);
      return { query: { kind: 'or', children }, isSame: parts.every((part) => part!.isSame) };
    }
    case 'not': {
      // Of what may find more the opposite may find fewer.
      const part = narrowed(query.child, fieldOf);
      return part?.isSame === true ? { query: { kind: 'not', child: part.query }, isSame: true } : undefined;
    }
    default: {
      const field = fieldOf(query.field);
      return field === undefined ? undefined : { query: { ...query, field }, isSame: true };
    }
  }
}
