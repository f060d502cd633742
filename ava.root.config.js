// Suites that need root and the kernel: one after the other, because namespaces and ports are the machine's.
export default {
  files: ['{dist,build/*/dist}/test/**/*.root.test.js'],
  serial: true,
  concurrency: 1,
  workerThreads: false,
  nodeArguments: ['--enable-source-maps'],
  timeout: '4m',
};
