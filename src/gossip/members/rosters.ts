import type { NetworkId } from '../../model/index.ts';
import type { Member } from './member.ts';

const NOBODY: readonly Member[] = [];

/** Of each network, the live others that have it. */
export class Rosters {
  private readonly byNetwork = new Map<NetworkId, Member[]>();

  /** In no order. */
  of(network: NetworkId): readonly Member[] {
    return this.byNetwork.get(network) ?? NOBODY;
  }

  add(network: NetworkId, member: Member): void {
    const roster = this.byNetwork.get(network);
    if (roster === undefined) this.byNetwork.set(network, [member]);
    else if (!roster.includes(member)) roster.push(member);
  }

  remove(network: NetworkId, member: Member): void {
    const roster = this.byNetwork.get(network);
    const at = roster?.indexOf(member) ?? -1;
    if (roster === undefined || at < 0) return;
    const last = roster.pop();
    if (last !== undefined && last !== member) roster[at] = last;
    if (roster.length === 0) this.byNetwork.delete(network);
  }
}
