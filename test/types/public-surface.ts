import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../../packages', import.meta.url));

/** Folders below `packages`. */
export const packageFolders: readonly string[] = globSync('{*,index/*}/package.json', { cwd: PACKAGES })
  .map(dirname)
  .sort();

/** What a package's users compile against: the declarations that its entry reaches, comments left out. */
export function publicSurface(folder: string): string {
  const dist = join(PACKAGES, folder, 'dist');
  const texts = new Map<string, string>();
  const visit = (file: string): void => {
    if (texts.has(file)) return;
    const text = declarations(file);
    texts.set(file, text);
    for (const [, path] of text.matchAll(/from '(\.[^']+)\.[jt]s'/g)) visit(join(dirname(file), `${path}.d.ts`));
  };
  for (const entry of entriesOf(folder)) visit(join(PACKAGES, folder, entry));
  const files = [...texts].sort(([a], [b]) => (a < b ? -1 : 1));
  return files.map(([file, text]) => `// ${relative(dist, file)}\n${text}`).join('\n');
}

/** The declarations of every entry in `exports`. */
function entriesOf(folder: string): string[] {
  const { exports = {} } = JSON.parse(readFileSync(join(PACKAGES, folder, 'package.json'), 'utf8')) as {
    exports?: Record<string, { types?: string }>;
  };
  return Object.values(exports).flatMap(({ types }) => (types === undefined ? [] : [types]));
}

function declarations(file: string): string {
  return readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/^\s*\n/gm, '');
}
