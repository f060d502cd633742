/** IPv4 policy routing rules: RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE. */
import { FieldReader, type NetlinkMessage } from '../message-reader.ts';
import type { MessageWriter } from '../message-writer.ts';
import { NLM_F_CREATE, NLM_F_EXCL, type NetlinkRequest } from '../netlink-socket.ts';
import { present } from '../present.ts';
import { prefixOf } from './addresses.ts';
import { RTPROT_HAWSER } from './route.ts';

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
const RTM_GETRULE = 34;

const AF_INET = 2;
const FR_ACT_TO_TBL = 1;
const FRA_SRC = 2;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_PROTOCOL = 21;
const FWMASK_ALL = 0xffffffff;

export interface RuleRow {
  readonly priority: number;
  readonly table: number;
  /** `a.b.c.d` or `a.b.c.d/n` */
  readonly source?: string;
  readonly mark?: number;
}

/** The kernel refuses a rule that is there already with EEXIST. */
export function createRule(row: RuleRow): NetlinkRequest {
  return ruleRequest(row, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
}

export function deleteRule(row: RuleRow): NetlinkRequest {
  return ruleRequest(row, RTM_DELRULE, 0);
}

export function listRules(): NetlinkRequest {
  return { type: RTM_GETRULE, object: 'rules', write: (writer) => ruleHeader(writer, 0, 0) };
}

function ruleRequest(row: RuleRow, type: number, flags: number): NetlinkRequest {
  const source = row.source === undefined ? undefined : prefixOf(withBits(row.source));
  return {
    type,
    flags,
    object: `rule ${row.priority}`,
    write: (writer) => {
      ruleHeader(writer, source?.bits ?? 0, FR_ACT_TO_TBL);
      if (source !== undefined) writer.attributeU32Network(FRA_SRC, source.address);
      writer.attributeU32(FRA_PRIORITY, row.priority);
      writer.attributeU32(FRA_TABLE, row.table);
      if (row.mark !== undefined) {
        writer.attributeU32(FRA_FWMARK, row.mark);
        writer.attributeU32(FRA_FWMASK, FWMASK_ALL);
      }
      if (type === RTM_NEWRULE) writer.attributeU8(FRA_PROTOCOL, RTPROT_HAWSER);
    },
  };
}

function withBits(source: string): string {
  return source.includes('/') ? source : `${source}/32`;
}

/** `struct fib_rule_hdr`. */
function ruleHeader(writer: MessageWriter, sourceBits: number, action: number): void {
  writer.u8(AF_INET);
  writer.u8(0);
  writer.u8(sourceBits);
  writer.u8(0);
  writer.u8(0);
  writer.u8(0);
  writer.u8(0);
  writer.u8(action);
  writer.u32(0);
}

/** A rule read back; whole addresses without `/32`. */
export interface ObservedRule extends RuleRow {
  /** Whether Hawser wrote it. */
  readonly isOwn: boolean;
}

/**
 * Reads RTM_NEWRULE; `undefined` for rules that do more or other than look up a table by source or
 * mark.
 */
export function readRule(message: NetlinkMessage): ObservedRule | undefined {
  const fields = new FieldReader(message.payload);
  const family = fields.u8();
  fields.skip(1);
  const sourceBits = fields.u8();
  fields.skip(1);
  const tableByte = fields.u8();
  fields.skip(2);
  const action = fields.u8();
  fields.skip(4);
  const attributes = fields.attributes();
  if (family !== AF_INET || action !== FR_ACT_TO_TBL) return undefined;
  const source = attributes.ipv4Text(FRA_SRC);
  return {
    priority: attributes.u32(FRA_PRIORITY) ?? 0,
    table: attributes.u32(FRA_TABLE) ?? tableByte,
    ...present('source', source && (sourceBits === 32 ? source : `${source}/${sourceBits}`)),
    ...present('mark', attributes.u32(FRA_FWMARK)),
    isOwn: attributes.u8(FRA_PROTOCOL) === RTPROT_HAWSER,
  };
}
