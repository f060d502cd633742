/** Reads services and networks off the options of a scenario's command. */
import type { PortConfig } from '../../src/model/index.ts';
import type { ServiceOptions } from './cluster-fixture.ts';
import type { ScenarioCommand } from './scenario.ts';

type Options = ScenarioCommand['options'];

/**
 * `replicas=3 networks=a,b ports=8080:80,53:53/udp,80:80/host mode=dnsrr image=x constraint=… max=1
 * delay=… …`
 */
export function serviceOptions(options: Options): ServiceOptions {
  return {
    ...(options['replicas'] === 'global' && { isGlobal: true }),
    ...(options['replicas'] && { replicas: Number(options['replicas']) || 0 }),
    ...(options['networks'] && { networks: options['networks'].split(',') }),
    ...(options['ports'] && { ports: options['ports'].split(',').map(portOf) }),
    ...(options['mode'] && { mode: options['mode'] as 'vip' | 'dnsrr' }),
    ...(options['image'] && { image: options['image'] }),
    ...updateOptions(options),
    task: {
      RestartPolicy: {
        ...(options['restart'] && { Condition: options['restart'] as 'none' }),
        ...(options['delay'] && { Delay: Number(options['delay']) * 1e9 }),
        ...(options['attempts'] && { MaxAttempts: Number(options['attempts']) }),
      },
      Placement: {
        ...(options['constraint'] && { Constraints: options['constraint'].split(',') }),
        ...(options['max'] && { MaxReplicas: Number(options['max']) }),
      },
      ...(options['memory'] && {
        Resources: { Reservations: { MemoryBytes: Number(options['memory']) * 1024 ** 3 } },
      }),
    },
  };
}

function updateOptions(options: Options): Pick<ServiceOptions, 'update'> {
  const { parallelism, pause, order } = options;
  if (!parallelism && !pause && !order) return {};
  return {
    update: {
      ...(parallelism && { Parallelism: Number(parallelism) }),
      ...(pause && { Delay: Number(pause) * 1e9 }),
      ...(order && { Order: order }),
    },
  };
}

/** `published:target[/protocol][/host]`; `:target` leaves the number open. */
function portOf(text: string): PortConfig {
  const [numbers = '', ...flags] = text.split('/');
  const [published = '', target = ''] = numbers.split(':');
  return {
    Protocol: flags.includes('udp') ? 'udp' : 'tcp',
    TargetPort: Number(target),
    PublishedPort: Number(published),
    PublishMode: flags.includes('host') ? 'host' : 'ingress',
  };
}
