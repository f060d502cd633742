// Suites for a kernel that this machine may not have: they run in a virtual machine (test/vm), where all is slow.
export default {
  files: ['{dist,build/*/dist}/test/**/*.vm.test.js'],
  serial: true,
  concurrency: 1,
  workerThreads: false,
  timeout: '4m',
};
