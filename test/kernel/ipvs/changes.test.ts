import test from 'ava';
import fc from 'fast-check';
import {
  destinationKey,
  ipvsChanges,
  serviceKey,
  type Destination,
  type IpvsChange,
  type Service,
  type ServiceWithDestinations,
} from '../../../src/kernel/ipvs/index.ts';

/** A record as the sources write it, with the usual prototype. */
const plain = <Shape extends object>(model: {
  [Key in keyof Shape]: fc.Arbitrary<Shape[Key]>;
}): fc.Arbitrary<Shape> => fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Shape>;

type Table = Map<string, { service: Service; destinations: Map<string, Destination> }>;

/** As the kernel does it, with its refusals. */
function carryOut(table: Table, change: IpvsChange): void {
  const key = serviceKey('service' in change ? change.service.id : change.id);
  const held = table.get(key);
  if ((held !== undefined) !== (change.action !== 'add-service'))
    throw new Error(`${change.action} ${key}`);
  if ('service' in change) {
    const kept = held?.destinations ?? new Map<string, Destination>();
    table.set(key, { service: change.service, destinations: kept });
  } else if (change.action === 'delete-service') table.delete(key);
  else {
    const place = destinationKey(change.destination);
    if (held?.destinations.has(place) !== (change.action !== 'add-destination'))
      throw new Error(`${change.action} ${place}`);
    if (change.action === 'delete-destination') held.destinations.delete(place);
    else held.destinations.set(place, change.destination);
  }
}

const destinations = fc.uniqueArray(
  plain({
    address: fc.constantFrom('10.0.0.5', '10.0.0.6', '10.0.0.7', '10.0.0.8'),
    port: fc.constantFrom(80, 81),
    forwarding: fc.constantFrom('masquerade' as const, 'direct' as const),
    weight: fc.integer({ min: 0, max: 2 }),
  }),
  { selector: destinationKey, maxLength: 5 },
);
const services: fc.Arbitrary<ServiceWithDestinations[]> = fc.uniqueArray(
  plain({
    service: plain({
      id: plain({
        kind: fc.constant('mark' as const),
        family: fc.constantFrom(4 as const, 6 as const),
        mark: fc.integer({ min: 1, max: 3 }),
      }),
      scheduler: fc.constantFrom('rr', 'wrr'),
    }),
    destinations,
  }),
  { selector: ({ service }) => serviceKey(service.id), maxLength: 5 },
);

function tableOf(items: readonly ServiceWithDestinations[]): Table {
  return new Map(
    items.map((item) => [
      serviceKey(item.service.id),
      {
        service: item.service,
        destinations: new Map(item.destinations.map((one) => [destinationKey(one), one])),
      },
    ]),
  );
}

/** In one order, whatever came first. */
function listed(table: Table): unknown[] {
  return [...table]
    .map(([key, { service, destinations: held }]) => ({ key, service, held: [...held].sort() }))
    .sort((one, other) => (one.key < other.key ? -1 : 1));
}

test('from any services to any others in steps that the kernel accepts, and no step too many', (t) => {
  fc.assert(
    fc.property(services, services, (was, want) => {
      const table = tableOf(was);
      for (const change of ipvsChanges(was, want)) carryOut(table, change);
      t.deepEqual(listed(table), listed(tableOf(want)));
      t.deepEqual(ipvsChanges(want, want), []);
    }),
  );
});

test('one weight is one change, and a server is replaced without a moment of none', (t) => {
  const service: Service = { id: { kind: 'mark', family: 4, mark: 256 }, scheduler: 'rr' };
  const server = (host: number, weight = 1): Destination => ({
    address: `10.0.0.${host}`,
    port: 0,
    forwarding: 'masquerade',
    weight,
  });
  const of = (...list: Destination[]): ServiceWithDestinations[] => [
    { service, destinations: list },
  ];
  t.deepEqual(ipvsChanges(of(server(5), server(6)), of(server(5), server(6, 0))), [
    { action: 'set-destination', id: service.id, destination: server(6, 0) },
  ]);
  t.deepEqual(
    ipvsChanges(of(server(5)), of(server(6))).map(({ action }) => action),
    ['add-destination', 'delete-destination'],
  );
});
