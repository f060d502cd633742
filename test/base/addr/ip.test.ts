import { isIPv4, isIPv6 } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { Address6 } from 'ip-address';
import {
  addressAt,
  bytesOfIp,
  cidr,
  cidrContains,
  cidrOverlaps,
  cidrSize,
  familyOf,
  formatCidr,
  formatIp,
  ip,
  maskTo,
  placeIn,
  tryIpOfBytes,
  tryParseCidr,
  tryParseInterface,
  tryParseIp,
} from '../../../src/base/index.ts';

const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
/** Many zero groups, where the short form has its cases. */
const sparse = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));

const texts = [
  { text: '::', expected: '::' },
  { text: '::1', expected: '::1' },
  { text: 'FD00:0:0:0:0:0:0:1', expected: 'fd00::1' },
  { text: 'fd00:0:0:1::1', expected: 'fd00:0:0:1::1' },
  { text: '1:0:0:2:0:0:0:3', expected: '1:0:0:2::3' },
  { text: '1:0:2:3:4:5:6:7', expected: '1:0:2:3:4:5:6:7' },
  { text: '::ffff:192.0.2.1', expected: '::ffff:c000:201' },
  { text: '1:2:3:4:5:6:7::', expected: '1:2:3:4:5:6:7:0' },
  { text: '10.1.2.3', expected: '10.1.2.3' },
];

for (const { text, expected } of texts) {
  test(`${text} is written ${expected}`, (t) => {
    t.is(formatIp(ip(text)), expected);
  });
}

const nonsense = [
  ...['', ':', ':::', '1::2::3', '12345::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::1%eth0'],
  ...['1:2:3:4:5:6:7:8::', '::1.2.3', '1.2.3.4::', '01.2.3.4', '1.2.3.4.5', 'fd00::g', '::1/64'],
  ...[' ::1', '::-1', ':1:2:3:4:5:6:7', '1:2:3:4:5:6:7:'],
];

for (const text of nonsense) {
  test(`"${text}" is no address`, (t) => {
    t.is(tryParseIp(text), undefined);
  });
}

test('any text is an address exactly where Node says so', (t) => {
  const part = fc.constantFrom(':', '::', '0', 'ab', 'ffff', '1.2.3.4', '.', '256', 'g', '00001');
  const text = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(
      text,
      (some) => (tryParseIp(some) !== undefined) === (isIPv4(some) || isIPv6(some)),
    ),
    { numRuns: 5000 },
  );
  t.pass();
});

test('addresses are written and read as another library does it, and back to bytes', (t) => {
  fc.assert(
    fc.property(fc.oneof(bytes16, sparse), (bytes) => {
      const address = tryIpOfBytes(bytes);
      const text = Address6.fromByteArray([...bytes]).correctForm();
      return (
        address !== undefined &&
        formatIp(address) === text &&
        ip(text) === address &&
        ip(new Address6(text).canonicalForm()) === address &&
        Buffer.compare(bytesOfIp(address), bytes) === 0
      );
    }),
  );
  t.deepEqual([...bytesOfIp(ip('10.0.0.1'))], [10, 0, 0, 1]);
  t.is(tryIpOfBytes(new Uint8Array(5)), undefined);
});

test('prefixes have no host bits, interfaces may', (t) => {
  t.is(formatCidr(cidr('FD00:1::/32')), 'fd00:1::/32');
  t.is(tryParseCidr('fd00::1/64'), undefined);
  t.is(formatIp(tryParseInterface('fd00::1/64')?.address ?? ip('::')), 'fd00::1');
  for (const text of ['::/129', '10.0.0.0/33', 'fd00::/064', 'fd00::', '/64', 'fd00::/-1'])
    t.is(tryParseInterface(text), undefined, text);
});

test('what a prefix holds, overlaps and counts', (t) => {
  const subnet = cidr('fd00:1:2:3::/64');
  t.true(cidrContains(subnet, ip('fd00:1:2:3:ffff::1')));
  t.false(cidrContains(subnet, ip('fd00:1:2:4::1')));
  t.false(cidrContains(cidr('::/0'), ip('10.0.0.1')));
  t.true(cidrOverlaps(cidr('fd00::/8'), subnet));
  t.false(cidrOverlaps(cidr('::/0'), cidr('0.0.0.0/0')));
  t.is(cidrSize(cidr('fd00::/120')), 256);
  t.is(cidrSize(cidr('10.0.0.0/8')), 2 ** 24);
  t.is(formatIp(maskTo(ip('fd00:1:2:3:4::5'), 48)), 'fd00:1:2::');
  t.is(formatIp(maskTo(ip('255.255.255.255'), 0)), '0.0.0.0');
  t.is(familyOf(ip('::1')), 6);
});

test('places count from the first address of a prefix', (t) => {
  for (const text of ['fd00:1::/64', '10.2.0.0/16']) {
    const prefix = cidr(text);
    t.is(placeIn(prefix, addressAt(prefix, 300)), 300);
    t.is(placeIn(prefix, ip('fe80::1')), undefined);
  }
  t.is(formatIp(addressAt(cidr('fd00:1::/64'), 258)), 'fd00:1::102');
  t.is(placeIn(cidr('fd00::/64'), ip('fd00::ffff:0:0:1')), undefined, 'further than numbers count');
});
