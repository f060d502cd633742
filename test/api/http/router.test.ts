import test from 'ava';
import { OK_EMPTY } from '../../../src/api/http/exchange.ts';
import { statusOf } from '../../../src/api/http/errors.ts';
import { Router } from '../../../src/api/http/router.ts';

const handle = () => OK_EMPTY;
const router = new Router([
  { method: 'GET', path: '/images/:name/json', handle },
  { method: 'DELETE', path: '/images/:name', handle },
  { method: 'GET', path: '/images/json', handle },
  { method: 'GET', path: '/services/:id', handle },
]);

const FOUND = [
  { method: 'GET', url: '/v1.41/images/busybox/json', params: { name: 'busybox' } },
  {
    method: 'GET',
    url: '/images/registry:5000/team/app:1@sha256:ab/json',
    params: { name: 'registry:5000/team/app:1@sha256:ab' },
  },
  { method: 'DELETE', url: '/v1.50/images/team/app?force=1', params: { name: 'team/app' } },
  { method: 'GET', url: '/images/json?all=1', params: {} },
  { method: 'GET', url: '/services/a%20b', params: { id: 'a b' } },
];

for (const { method, url, params } of FOUND) {
  test(`${method} ${url} finds its handler`, (t) => {
    t.deepEqual({ ...router.match(method, url).params }, params);
  });
}

test('the query is read', (t) => {
  t.is(router.match('GET', '/images/json?a=1&a=2').query.get('a'), '1');
});

const REFUSED = [
  { method: 'GET', url: '/nowhere', status: 404 },
  { method: 'PATCH', url: '/images/json', status: 404 },
  { method: 'GET', url: `/services/${'x'.repeat(5000)}`, status: 404 },
  { method: 'GET', url: '/services/%zz', status: 400 },
  { method: 'GET', url: '/v1.99/images/json', status: 400 },
];

for (const { method, url, status } of REFUSED) {
  test(`${method} ${url.slice(0, 40)} is refused with ${status}`, (t) => {
    t.is(statusOf(t.throws(() => router.match(method, url))), status);
  });
}
