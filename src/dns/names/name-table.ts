/**
 * Which names a network's rows make (users-and-facts §4.1):
 *
 *   service and its aliases      the VIP; without one, every serving task
 *   tasks.<service or alias>     every serving task
 *   <service>.<slot>.<task id>   that task; for a global service <service>.<node id>.<task id>
 *   its aliases, short container id, hostname          likewise
 *   <attachment> and its aliases, short container id   that attachment
 *
 * A name of a service hides the same name of a task, so a task whose hostname is its service's name
 * takes nothing from the VIP. Two services that share an alias share its addresses. Nothing is
 * named on the ingress network.
 */
import { tryParseIp, type Ip } from '../../base/index.ts';
import {
  addressesOf,
  type Addresses,
  type Attachment,
  type EndpointRow,
  type NetworkId,
  type NetworkRow,
  type ServiceId,
  type ServiceRow,
} from '../../model/index.ts';

/** The rows that concern one network. */
export interface NetworkRows {
  readonly network: NetworkRow;
  readonly services: readonly ServiceRow[];
  readonly endpoints: readonly EndpointRow[];
}

export interface NameTable {
  /** By lower-case name, without duplicates. */
  readonly addresses: ReadonlyMap<string, readonly Ip[]>;
  /** By address: its first name, without the network's. */
  readonly reverse: ReadonlyMap<Ip, string>;
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
    if (!known.has(serviceId)) builder.addServiceNames(serviceNamesOf(own), servingAddresses(own));
    for (const task of own) if (task.row.isServing) builder.addTask(task);
  }
  return builder.finish();
}

/** An endpoint's place on the network at hand. */
interface TaskOnNetwork {
  readonly row: EndpointRow;
  readonly attachment: Attachment;
  readonly addresses: readonly Ip[];
}

function tasksByService(rows: NetworkRows): ReadonlyMap<ServiceId, readonly TaskOnNetwork[]> {
  const tasks = new Map<ServiceId, TaskOnNetwork[]>();
  for (const row of rows.endpoints) {
    const attachment = row.attachments.find((a) => a.networkId === rows.network.networkId);
    const addresses = attachment === undefined ? [] : numbersOf(attachment);
    if (attachment === undefined || addresses.length === 0) continue;
    const own = tasks.get(row.serviceId) ?? [];
    own.push({ row, attachment, addresses });
    tasks.set(row.serviceId, own);
  }
  return tasks;
}

function servingAddresses(tasks: readonly TaskOnNetwork[]): readonly Ip[] {
  return tasks.filter((task) => task.row.isServing).flatMap((task) => task.addresses);
}

function numbersOf(held: Addresses): readonly Ip[] {
  return addressesOf(held).flatMap((address) => tryParseIp(address) ?? []);
}

function serviceNamesOf(tasks: readonly TaskOnNetwork[]): readonly string[] {
  return tasks.flatMap(({ row }) => (row.attachmentName === undefined ? [row.serviceName] : []));
}

class NameTableBuilder {
  private readonly networkId: NetworkId;
  /**
   * Lists with duplicates, which `finish` removes: most names have one address, and a set of one is
   * large.
   */
  private readonly services = new Map<string, Ip[]>();
  private readonly tasks = new Map<string, Ip[]>();
  private readonly reverse = new Map<Ip, string>();
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
    const serving = servingAddresses(tasks);
    const vip = service.isDnsRoundRobin ? undefined : this.vipOf(service);
    for (const name of names) this.add(this.services, name, vip ?? serving);
    this.addTasksNames(names, serving);
    if (vip !== undefined && !options.isCompatible)
      for (const address of vip) this.addReverse(address, service.name);
  }

  /** For tasks whose service is not in the view. */
  addServiceNames(names: readonly string[], serving: readonly Ip[]): void {
    for (const name of names) this.add(this.services, name, serving);
    this.addTasksNames(names, serving);
  }

  addTask(task: TaskOnNetwork): void {
    const { row, attachment, addresses } = task;
    const member = row.slot === 0 ? row.nodeId : String(row.slot);
    const full = row.attachmentName ?? `${row.serviceName}.${member}.${row.taskId}`;
    const shortId = row.containerId?.slice(0, SHORT_ID_CHARACTERS) ?? '';
    for (const name of [full, ...attachment.aliases, shortId, row.hostname]) {
      this.add(this.tasks, name, addresses);
    }
    for (const address of addresses) this.addReverse(address, full);
  }

  finish(): NameTable {
    const addresses = new Map<string, readonly Ip[]>(this.tasks);
    for (const [name, list] of this.services) {
      const isEmptyName = this.keepsEmpty && !name.startsWith('tasks.') && !addresses.has(name);
      if (list.length > 0 || isEmptyName) addresses.set(name, list);
    }
    for (const [name, list] of addresses) {
      if (list.length > 1) addresses.set(name, [...new Set(list)]);
    }
    return { addresses, reverse: this.reverse };
  }

  private addTasksNames(names: readonly string[], serving: readonly Ip[]): void {
    for (const name of names) this.add(this.services, `tasks.${name}`, serving);
  }

  private add(names: Map<string, Ip[]>, name: string, addresses: readonly Ip[]): void {
    if (name === '') return;
    const key = name.toLowerCase();
    const list = names.get(key);
    if (list === undefined) names.set(key, [...addresses]);
    else for (const address of addresses) list.push(address);
  }

  /** The first to name an address keeps it. */
  private addReverse(address: Ip, name: string): void {
    if (!this.reverse.has(address)) this.reverse.set(address, name);
  }

  private vipOf(service: ServiceRow): readonly Ip[] | undefined {
    const vip = service.virtualIps.find((candidate) => candidate.networkId === this.networkId);
    return vip && numbersOf(vip);
  }

  private aliasesOf(service: ServiceRow): readonly string[] {
    return service.aliases
      .filter((entry) => entry.networkId === this.networkId)
      .flatMap((entry) => entry.names);
  }
}
