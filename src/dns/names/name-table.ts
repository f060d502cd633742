/**
 * Which names a network's rows make (users-and-facts §4.1):
 *
 *   service and its aliases      the VIP; without one, every serving task
 *   tasks.<service or alias>     every serving task
 *   <service>.<slot>.<task id>   that task; for a global service <service>.<node id>.<task id>
 *   its aliases, short container id, hostname          likewise
 *
 * A name of a service hides the same name of a task, so a task whose hostname is its service's name
 * takes nothing from the VIP. Two services that share an alias share its addresses. Nothing is
 * named on the ingress network.
 */
import { tryParseIpv4, type Ipv4 } from '../../base/index.ts';
import type {
  Attachment,
  EndpointRow,
  NetworkId,
  NetworkRow,
  ServiceId,
  ServiceRow,
} from '../../model/index.ts';

/** The rows that concern one network. */
export interface NetworkRows {
  readonly network: NetworkRow;
  readonly services: readonly ServiceRow[];
  readonly endpoints: readonly EndpointRow[];
}

export interface NameTable {
  /** By lower-case name, without duplicates. */
  readonly addresses: ReadonlyMap<string, readonly Ipv4[]>;
  /** By address: its first name, without the network's. */
  readonly reverse: ReadonlyMap<Ipv4, string>;
}

export interface NameTableOptions {
  /**
   * Docker's ways: a VIP has no PTR and is named only while its service has a task, serving or not;
   * the name of a service without addresses is unknown. Otherwise such a name exists and is empty.
   */
  readonly isCompatible: boolean;
}

const SHORT_ID_CHARACTERS = 12;

export function buildNameTable(rows: NetworkRows, options: NameTableOptions): NameTable {
  const builder = new NameTableBuilder(rows.network);
  if (rows.network.isIngress) return builder.finish();
  const tasks = tasksByService(rows);
  for (const service of rows.services) {
    const own = tasks.get(service.serviceId) ?? [];
    if (!options.isCompatible || own.length > 0) builder.addService(service, own, options);
  }
  const known = new Set(rows.services.map((service) => service.serviceId));
  for (const [serviceId, own] of tasks) {
    if (!known.has(serviceId)) builder.addServiceNames(serviceNamesOf(own), addressesOf(own));
    for (const task of own) if (task.row.isServing) builder.addTask(task);
  }
  return builder.finish();
}

/** An endpoint's place on the network at hand. */
interface TaskOnNetwork {
  readonly row: EndpointRow;
  readonly attachment: Attachment;
  readonly address: Ipv4;
}

function tasksByService(rows: NetworkRows): ReadonlyMap<ServiceId, readonly TaskOnNetwork[]> {
  const tasks = new Map<ServiceId, TaskOnNetwork[]>();
  for (const row of rows.endpoints) {
    const attachment = row.attachments.find((a) => a.networkId === rows.network.networkId);
    const address = attachment && tryParseIpv4(attachment.address);
    if (attachment === undefined || address === undefined) continue;
    const own = tasks.get(row.serviceId) ?? [];
    own.push({ row, attachment, address });
    tasks.set(row.serviceId, own);
  }
  return tasks;
}

function addressesOf(tasks: readonly TaskOnNetwork[]): readonly Ipv4[] {
  return tasks.filter((task) => task.row.isServing).map((task) => task.address);
}

function serviceNamesOf(tasks: readonly TaskOnNetwork[]): readonly string[] {
  return tasks.map((task) => task.row.serviceName);
}

class NameTableBuilder {
  private readonly networkId: NetworkId;
  /**
   * Lists with duplicates, which `finish` removes: most names have one address, and a set of one is
   * large.
   */
  private readonly services = new Map<string, Ipv4[]>();
  private readonly tasks = new Map<string, Ipv4[]>();
  private readonly reverse = new Map<Ipv4, string>();
  private keepsEmpty = false;

  constructor(network: NetworkRow) {
    this.networkId = network.networkId;
  }

  addService(
    service: ServiceRow,
    tasks: readonly TaskOnNetwork[],
    options: NameTableOptions,
  ): void {
    this.keepsEmpty ||= !options.isCompatible;
    const names = [service.name, ...this.aliasesOf(service)];
    const serving = addressesOf(tasks);
    const vip = service.isDnsRoundRobin ? undefined : this.vipOf(service);
    for (const name of names) this.add(this.services, name, vip === undefined ? serving : [vip]);
    this.addTasksNames(names, serving);
    if (vip !== undefined && !options.isCompatible) this.addReverse(vip, service.name);
  }

  /** For tasks whose service is not in the view, as a container outside of any service. */
  addServiceNames(names: readonly string[], serving: readonly Ipv4[]): void {
    for (const name of names) this.add(this.services, name, serving);
    this.addTasksNames(names, serving);
  }

  addTask(task: TaskOnNetwork): void {
    const { row, attachment, address } = task;
    const member = row.slot === 0 ? row.nodeId : String(row.slot);
    const full = `${row.serviceName}.${member}.${row.taskId}`;
    const shortId = row.containerId?.slice(0, SHORT_ID_CHARACTERS) ?? '';
    for (const name of [full, ...attachment.aliases, shortId, row.hostname]) {
      this.add(this.tasks, name, [address]);
    }
    this.addReverse(address, full);
  }

  finish(): NameTable {
    const addresses = new Map<string, readonly Ipv4[]>(this.tasks);
    for (const [name, list] of this.services) {
      const isEmptyName = this.keepsEmpty && !name.startsWith('tasks.') && !addresses.has(name);
      if (list.length > 0 || isEmptyName) addresses.set(name, list);
    }
    for (const [name, list] of addresses) {
      if (list.length > 1) addresses.set(name, [...new Set(list)]);
    }
    return { addresses, reverse: this.reverse };
  }

  private addTasksNames(names: readonly string[], serving: readonly Ipv4[]): void {
    for (const name of names) this.add(this.services, `tasks.${name}`, serving);
  }

  private add(names: Map<string, Ipv4[]>, name: string, addresses: readonly Ipv4[]): void {
    if (name === '') return;
    const key = name.toLowerCase();
    const list = names.get(key);
    if (list === undefined) names.set(key, [...addresses]);
    else for (const address of addresses) list.push(address);
  }

  /** The first to name an address keeps it. */
  private addReverse(address: Ipv4, name: string): void {
    if (!this.reverse.has(address)) this.reverse.set(address, name);
  }

  private vipOf(service: ServiceRow): Ipv4 | undefined {
    const vip = service.virtualIps.find((candidate) => candidate.networkId === this.networkId);
    return vip && tryParseIpv4(vip.address);
  }

  private aliasesOf(service: ServiceRow): readonly string[] {
    return service.aliases
      .filter((entry) => entry.networkId === this.networkId)
      .flatMap((entry) => entry.names);
  }
}
