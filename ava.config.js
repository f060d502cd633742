// Suites that any user can run. Compiled first: what is tested is what ships. `make test` asks for dist/ only; a
// compilation elsewhere (tsc --outDir build/mine/dist) can be tested with `npx ava 'build/mine/dist/test/…'`.
const tests = '{dist,build/*/dist}/test/**/*';
export default {
  files: [`${tests}.test.js`, `!${tests}.root.test.js`],
  // The native addon holds file descriptors and namespaces of its process: one process per file keeps them apart.
  workerThreads: false,
  nodeArguments: ['--enable-source-maps'],
  timeout: '2m',
};
