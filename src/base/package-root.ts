import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert } from './assert.ts';

/**
 * Directory of the checkout or package that a module belongs to, given the module's own directory:
 * the nearest one above that has a package.json. Holds for sources, for what was compiled and for
 * the bundle.
 */
export function packageRoot(moduleDirectory: string): string {
  let directory = moduleDirectory;
  while (!existsSync(join(directory, 'package.json'))) {
    assert(
      directory !== dirname(directory),
      'a package.json is above every module',
      moduleDirectory,
    );
    directory = dirname(directory);
  }
  return directory;
}
