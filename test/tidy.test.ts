/**
 * The house rules, held by a test: which room may import which, what pure rooms must not touch, how
 * big things may grow, what every room says about itself. Each message names the fix.
 *
 * The rules read sources, not behaviour; formatting and types are prettier's, eslint's and tsc's.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import test from 'ava';
import ts from 'typescript';

/** From top to bottom: a room imports rooms above it, never one below. */
const ROOMS = [
  'base',
  'model',
  'raft',
  'gossip',
  'store',
  'orchestrator',
  'dns',
  'dataplane',
  'kernel',
  'runtime',
  'cluster',
  'node',
  'api',
  'agent',
  'client',
  'lab',
  'cli',
];
const PURE_ROOMS = ['raft', 'gossip', 'store', 'orchestrator', 'dns', 'dataplane'];
const IMPURE_NAMES = new Set([
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'process',
  'performance',
  'fetch',
  'Buffer',
  'console',
]);

const FILE_LINES_AIM = 400;
const FILE_LINES_MAX = 600;
const FOLDER_FILES_MAX = 10;
const COLUMNS_MAX = 100;
const HEAD_LINES_MIN = 4;

/** Units and countable things that a metric's name may end with. */
const METRIC_UNITS = new Set(
  (
    'total seconds bytes ratio info packets entries members backends endpoints services tasks ' +
    'nodes networks containers watchers connections objects commands term leader index revision'
  ).split(' '),
);

interface Source {
  /** Relative to the checkout, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly tree: ts.SourceFile;
}

const ROOT = checkoutAbove(import.meta.dirname);
const SOURCES = ['src', 'test', 'bench'].flatMap((top) => sourcesIn(top));
const SRC = SOURCES.filter((source) => source.path.startsWith('src/'));

function checkoutAbove(directory: string): string {
  return existsSync(join(directory, 'package.json'))
    ? directory
    : checkoutAbove(dirname(directory));
}

function filesIn(top: string): string[] {
  const folder = join(ROOT, top);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

function sourcesIn(top: string): Source[] {
  return filesIn(top)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
      return { path, text, lines: text.split('\n'), tree };
    });
}

const roomOf = (path: string): string => path.split('/')[1] ?? '';

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/**
 * Module names of static, dynamic and type imports, re-exports, and `new URL('./x',
 * import.meta.url)`.
 */
function importsOf(source: Source): string[] {
  const found: string[] = [];
  walk(source.tree, (node) => {
    const named = specifierOf(node);
    if (named !== undefined && ts.isStringLiteralLike(named)) found.push(named.text);
  });
  return found;
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined;
  }
  const isDynamic =
    ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  const isUrl = ts.isNewExpression(node) && node.expression.getText() === 'URL';
  return isDynamic || isUrl ? node.arguments?.[0] : undefined;
}

/**
 * The file that a relative import means, whether it is written as source (.ts) or as compiled
 * (.js).
 */
function targetOf(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return normalize(join(dirname(source.path), specifier)).replace(/\.js$/, '.ts');
}

function lineOf(source: Source, node: ts.Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.getStart()).line + 1;
}

test('a room imports only rooms above it', (t) => {
  const wrong = SRC.flatMap((source) =>
    importsOf(source).flatMap((specifier) => {
      const target = targetOf(source, specifier);
      if (target?.startsWith('src/') !== true) return [];
      const [from, to] = [roomOf(source.path), roomOf(target)];
      if (ROOMS.indexOf(to) <= ROOMS.indexOf(from)) return [];
      return `${source.path} imports ${to}, a room below ${from}: declare an interface in ${from} and let ${to} implement it`;
    }),
  );
  t.deepEqual(wrong, []);
});

test('rooms meet only at index.ts', (t) => {
  const wrong = SRC.flatMap((source) =>
    importsOf(source).flatMap((specifier) => {
      const target = targetOf(source, specifier);
      if (target?.startsWith('src/') !== true) return [];
      if (roomOf(target) === roomOf(source.path)) return [];
      if (target === `src/${roomOf(target)}/index.ts`) return [];
      return `${source.path} imports ${target}: export what it needs from src/${roomOf(target)}/index.ts`;
    }),
  );
  t.deepEqual(wrong, []);
});

test('src imports nothing from test or bench', (t) => {
  const wrong = SRC.filter((source) =>
    importsOf(source).some((name) => /^(test|bench)\//.test(targetOf(source, name) ?? '')),
  );
  t.deepEqual(
    wrong.map((source) => `${source.path}: move what it shares with tests into src`),
    [],
  );
});

test('pure rooms take time, randomness and the outside world as arguments', (t) => {
  const wrong = SRC.filter((source) => PURE_ROOMS.includes(roomOf(source.path))).flatMap((source) =>
    impurities(source).map((what) => `${source.path}:${what}: take it as an argument`),
  );
  t.deepEqual(wrong, []);
});

function impurities(source: Source): string[] {
  const found = importsOf(source)
    .filter((name) => name.startsWith('node:'))
    .map((name) => `1 imports ${name}`);
  walk(source.tree, (node) => {
    const what = impurityOf(node);
    if (what !== undefined) found.push(`${lineOf(source, node)} uses ${what}`);
  });
  return found;
}

function impurityOf(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) return 'async';
  if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') return 'Math.random';
  if (!ts.isIdentifier(node) || !IMPURE_NAMES.has(node.text)) return undefined;
  const { parent } = node;
  const isMember = ts.isPropertyAccessExpression(parent) && parent.name === node;
  const isExpression =
    ts.isCallExpression(parent) ||
    ts.isNewExpression(parent) ||
    (ts.isPropertyAccessExpression(parent) && parent.expression === node);
  return isExpression && !isMember ? node.text : undefined;
}

test('every room says what it is for in the head of its index.ts', (t) => {
  const rooms = readdirSync(join(ROOT, 'src')).filter((room) => filesIn(`src/${room}`).length > 0);
  t.deepEqual(
    rooms.filter((room) => !ROOMS.includes(room)),
    [],
    'a new room: give it its place in ROOMS here and in README.md',
  );
  const headless = rooms.filter((room) => {
    const index = SRC.find((source) => source.path === `src/${room}/index.ts`);
    const head = /^\/\*\*\n(?<text>[\s\S]*?)\*\//.exec(index?.text ?? '')?.groups?.['text'] ?? '';
    return !head.startsWith(` * ${room}: `) || head.split('\n').length <= HEAD_LINES_MIN;
  });
  t.deepEqual(
    headless.map(
      (room) =>
        `src/${room}/index.ts: start it with "/** ${room}: …": what the room decides, what it never does, inputs, outputs, limits, where to start`,
    ),
    [],
  );
});

test('files, folders and lines stay small', (t) => {
  const long = SOURCES.filter((source) => source.lines.length > FILE_LINES_AIM);
  for (const { path, lines } of long) t.log(`${path}: ${lines.length} lines, aim for 400`);
  const tooLong = long.filter((source) => source.lines.length > FILE_LINES_MAX);
  t.deepEqual(
    tooLong.map(({ path, lines }) => `${path}: ${lines.length} lines; split it by concept`),
    [],
  );

  const folders = new Map<string, number>();
  for (const path of ['src', 'test', 'bench', 'native', 'make'].flatMap((top) => filesIn(top))) {
    if (/\/(golden|corpus)\//.test(path)) continue;
    // A .cc and its .h are one thing in two files.
    if (path.endsWith('.h') && existsSync(join(ROOT, path.replace(/\.h$/, '.cc')))) continue;
    folders.set(dirname(path), (folders.get(dirname(path)) ?? 0) + 1);
  }
  t.deepEqual(
    [...folders]
      .filter(([, files]) => files > FOLDER_FILES_MAX)
      .map(([folder, files]) => `${folder}/ has ${files} files; group some into a sub-folder`),
    [],
  );
});

test('lines fit 100 columns', (t) => {
  const wide = SOURCES.flatMap((source) =>
    source.lines.flatMap((line, at) =>
      line.length > COLUMNS_MAX && !isUnbreakable(line)
        ? `${source.path}:${at + 1} is ${line.length} columns wide; wrap it`
        : [],
    ),
  );
  t.deepEqual(wide, []);
});

/** A string or pattern that would read worse in pieces, or an address. */
function isUnbreakable(line: string): boolean {
  return /['"`/][^'"`]{40,}|https?:\/\//.test(line) && !/^\s*(\/\/|\/?\*)/.test(line);
}

test('nothing unfinished is committed', (t) => {
  const marks = new RegExp(`\\b(${['FIX' + 'ME', 'TO' + 'DO', 'XX' + 'X'].join('|')})\\b`);
  const narrowed = /\btest(\.serial)?\.(only|todo|failing)\(/;
  const unfinished = SOURCES.filter((source) => source.path !== 'test/tidy.test.ts').flatMap(
    (source) =>
      source.lines.flatMap((line, at) => {
        if (marks.test(line))
          return `${source.path}:${at + 1} has a reminder; do it, or say why not`;
        if (narrowed.test(line)) return `${source.path}:${at + 1} narrows the tests; undo it`;
        return [];
      }),
  );
  t.deepEqual(unfinished, []);
});

test('every source file is reached from the program, an export or a test', (t) => {
  const byPath = new Map(SOURCES.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const visit = (path: string): void => {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) return;
    reached.add(path);
    for (const specifier of importsOf(source)) visit(targetOf(source, specifier) ?? '');
  };
  for (const path of entryPoints()) visit(path);
  const dead = SRC.filter((source) => !reached.has(source.path));
  t.deepEqual(
    dead.map((source) => `${source.path} is imported by nothing; use it or delete it`),
    [],
  );
});

/** Compiled files that package.json, bin/ and the Makefile start, as sources; and every test. */
function entryPoints(): string[] {
  const starters = ['package.json', 'Makefile', ...filesIn('bin')];
  const named = starters
    .map((path) => readFileSync(join(ROOT, path), 'utf8'))
    .flatMap((text) => [...text.matchAll(/dist\/(src\/[\w./-]+)\.js/g)])
    .map((match) => `${match[1] ?? ''}.ts`);
  const tests = SOURCES.filter((source) => !source.path.startsWith('src/'));
  return [...named, ...tests.map((source) => source.path)];
}

test('a metric is named hawser_<room>_<thing>_<unit>', (t) => {
  const wrong = SRC.flatMap((source) =>
    metricNames(source).flatMap((name) => {
      const hasUnit = METRIC_UNITS.has(name.split('_').at(-1) ?? '');
      if (/^hawser(_[a-z0-9]+)+$/.test(name) && hasUnit) return [];
      return `${source.path}: the metric ${name} needs a unit last, one of ${[...METRIC_UNITS].join(', ')}`;
    }),
  );
  t.deepEqual(wrong, []);
});

/**
 * Names given to prom-client's constructors, and fields called `name` that look like a metric's.
 */
function metricNames(source: Source): string[] {
  const names: string[] = [];
  walk(source.tree, (node) => {
    if (!ts.isNewExpression(node)) return;
    if (!/(Counter|Gauge|Histogram|Summary)$/.test(node.expression.getText())) return;
    const options = node.arguments?.[0];
    if (options === undefined || !ts.isObjectLiteralExpression(options)) return;
    for (const property of options.properties) {
      if (property.name?.getText() !== 'name' || !ts.isPropertyAssignment(property)) continue;
      if (ts.isStringLiteralLike(property.initializer)) names.push(property.initializer.text);
    }
  });
  return names;
}
