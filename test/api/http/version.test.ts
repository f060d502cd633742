import test from 'ava';
import { statusOf } from '../../../src/api/http/errors.ts';
import { parseVersionedPath } from '../../../src/api/http/version.ts';

const UNDERSTOOD = [
  { name: 'without a version', path: '/nodes', minor: 51, rest: '/nodes' },
  { name: 'of the oldest version', path: '/v1.24/nodes', minor: 24, rest: '/nodes' },
  { name: 'of the newest version', path: '/v1.51/a/b', minor: 51, rest: '/a/b' },
  { name: 'that only looks like a version', path: '/v2/nodes', minor: 51, rest: '/v2/nodes' },
];

for (const { name, path, minor, rest } of UNDERSTOOD) {
  test(`a path ${name} is understood`, (t) => {
    t.deepEqual(parseVersionedPath(path), { minor, path: rest });
  });
}

const REFUSED = [
  {
    path: '/v1.23/nodes',
    message:
      'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade ' +
      'your client to a newer ' +
      'version',
  },
  { path: '/v0.9/nodes', message: 'client version 0.9 is too old.' },
  {
    path: '/v1.52/nodes',
    message: 'client version 1.52 is too new. Maximum supported API version is 1.51',
  },
  { path: '/v2.0/nodes', message: 'client version 2.0 is too new.' },
];

for (const { path, message } of REFUSED) {
  test(`${path} is refused in Docker's words`, (t) => {
    const error = t.throws(() => parseVersionedPath(path));
    t.is(statusOf(error), 400);
    t.true(error.message.startsWith(message), error.message);
  });
}
