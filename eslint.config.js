import tseslint from 'typescript-eslint';

// What a pure room must not touch: it gets time, randomness and the outside world as arguments.
const PURE_ROOMS = ['raft', 'gossip', 'store', 'orchestrator', 'dns', 'dataplane'];
const impureGlobals = [
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'process',
  'performance',
  'fetch',
  'Buffer',
  'console',
].map((name) => ({ name, message: 'A pure room takes this as an argument.' }));

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'node_modules/', 'coverage/', '*.config.js', '.cache/'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      'max-lines-per-function': ['error', { max: 70 }],
      'max-params': ['error', 3],
      'max-depth': ['error', 3],
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Numbers read well in messages; objects do not.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `() => void call()` is how a shell says that it does not wait.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // Interfaces of fakes are async by contract, not by need.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: PURE_ROOMS.map((room) => `src/${room}/**/*.ts`),
    rules: {
      'no-restricted-globals': ['error', ...impureGlobals],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take an Rng.' },
      ],
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*'], message: 'A pure room does no I/O.' }] },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: ':function[async=true]', message: 'A pure room does not wait.' },
      ],
    },
  },
  {
    // Tests and benchmarks are tables and stories: long bodies read better than scattered ones.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', 'no-console': 'off' },
  },
  { files: ['src/cli/**/*.ts'], rules: { 'no-console': 'off' } },
);
