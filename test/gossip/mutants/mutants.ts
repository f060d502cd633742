/** The classic bugs of SWIM, each planted from outside so that the room itself stays whole. */
import type { Core } from '../../../src/gossip/core.ts';
import { Gossip } from '../../../src/gossip/index.ts';
import { MemberTable } from '../../../src/gossip/members/member-table.ts';
import type { Member } from '../../../src/gossip/members/member.ts';
import { ProbeSchedule } from '../../../src/gossip/probe/schedule.ts';
import { Suspicion } from '../../../src/gossip/probe/suspicion.ts';
import { BroadcastQueue, type Passage } from '../../../src/gossip/spread/broadcast-queue.ts';
import { SyncSession } from '../../../src/gossip/sync/session.ts';
import type { Input } from '../../../src/gossip/index.ts';
import type { MemberHash, Message } from '../../../src/gossip/wire/messages.ts';
import { decodeFrame } from '../../../src/gossip/wire/decode.ts';
import { patch, type Restore } from '../../raft/mutants/patch.ts';
import { encodeFrame } from '../support/frames.ts';

export interface Mutant {
  readonly name: string;
  readonly plant: () => Restore;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'who refutes keeps its incarnation',
    plant: () =>
      updates((member, change, self) => {
        const isOwn = member === self && change.incarnation !== undefined;
        return isOwn ? { ...change, incarnation: member.incarnation } : change;
      }),
  },
  {
    name: 'a suspicion never ends',
    plant: () => patch(Suspicion.prototype, 'deadlineMs', () => () => Infinity),
  },
  {
    name: 'a suspicion ends at once',
    plant: () =>
      patch(
        Suspicion.prototype,
        'deadlineMs',
        (original: () => number) =>
          function (this: Suspicion): number {
            return original.call(this) - 3600_000;
          },
      ),
  },
  {
    name: 'an accuser that speaks twice counts twice',
    plant: () =>
      patch(
        Suspicion.prototype,
        'confirm',
        () =>
          function (this: Suspicion, accuser: MemberHash): boolean {
            const from = this.accusers as MemberHash[];
            if (from.length > 2) return false;
            from.push(accuser);
            return true;
          },
      ),
  },
  {
    name: 'a death outweighs a later life',
    plant: () =>
      hears((message, core) => {
        if (message.kind !== 'dead') return message;
        const member = core.members.get(message.id);
        return member === undefined ? message : { ...message, incarnation: member.incarnation };
      }),
  },
  {
    name: 'a life outweighs a death of the same incarnation',
    plant: () =>
      hears((message, core) => {
        if (message.kind !== 'alive') return message;
        const member = core.members.get(message.id);
        if (member?.state.kind !== 'dead' && member?.state.kind !== 'left') return message;
        return { ...message, incarnation: (message.incarnation + 1) as typeof message.incarnation };
      }),
  },
  {
    name: 'whoever left is forgotten at once',
    plant: () =>
      patch(
        MemberTable.prototype,
        'update',
        (original: MemberTable['update']) =>
          function (this: MemberTable, member: Member, change: Partial<Member>): void {
            original.call(this, member, change);
            if (change.state?.kind === 'left') this.remove(member);
          },
      ),
  },
  {
    name: 'a nack is taken for an ack',
    plant: () =>
      hears((message) =>
        message.kind === 'nack' ? { kind: 'ack', sequence: message.sequence } : message,
      ),
  },
  {
    name: 'news are told once',
    plant: () =>
      patch(
        BroadcastQueue.prototype,
        'fill',
        (original: BroadcastQueue['fill']) =>
          function (this: BroadcastQueue, passage: Passage): boolean {
            return original.call(this, { ...passage, transmitsMax: 1 });
          },
      ),
  },
  {
    name: 'news are told for ever',
    plant: () =>
      patch(
        BroadcastQueue.prototype,
        'fill',
        (original: BroadcastQueue['fill']) =>
          function (this: BroadcastQueue, passage: Passage): boolean {
            return original.call(this, { ...passage, transmitsMax: 1_000_000 });
          },
      ),
  },
  {
    name: 'a member is forgotten by the probes when it returns',
    plant: () =>
      patch(
        ProbeSchedule.prototype,
        'add',
        (original: ProbeSchedule['add']) =>
          function (this: ProbeSchedule & { known?: Set<string> }, member: Member): void {
            this.known ??= new Set();
            if (!this.known.has(member.id)) original.call(this, member);
            this.known.add(member.id);
          },
      ),
  },
  {
    name: 'a push/pull ends when one side has said all',
    plant: () =>
      patch(
        SyncSession.prototype,
        'isOver',
        () =>
          function (this: SyncSession): boolean {
            return this.peer !== undefined && !this.hasMore;
          },
      ),
  },
  {
    name: 'the digest forgets whoever died',
    plant: () =>
      patch(
        MemberTable.prototype,
        'digestWords',
        () =>
          function (this: MemberTable): Uint32Array {
            return new Uint32Array(32);
          },
      ),
  },
];

type Change = Parameters<MemberTable['update']>[1];

/** Changes what is written of members. */
function updates(change: (member: Member, change: Change, self: Member) => Change): Restore {
  return patch(
    MemberTable.prototype,
    'update',
    (original: MemberTable['update']) =>
      function (this: MemberTable, member: Member, given: Change): void {
        original.call(this, member, change(member, given, this.self));
      },
  );
}

/** Changes what is heard. */
function hears(change: (message: Message, core: Core) => Message): Restore {
  return patch(
    Gossip.prototype,
    'step',
    (original: Gossip['step']) =>
      function (this: Gossip, input: Input, nowMs: number): void {
        if (input.kind !== 'packet') {
          original.call(this, input, nowMs);
          return;
        }
        const { core } = this as unknown as { core: Core };
        // One after the other, since each is changed in the light of those before.
        for (const message of decodeFrame(input.bytes).messages)
          original.call(this, { ...input, bytes: encodeFrame([change(message, core)]) }, nowMs);
      },
  );
}
