/**
 * Finds a container's user and groups in its image's /etc/passwd and /etc/group. Source:
 * moby/sys/user.
 */
import { invalid } from '../errors.ts';

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

const ID_MAX = 2 ** 31 - 1;

/** `user` is `name|uid[:group|gid]`, empty for root; `groups` are added. Throws `invalid`. */
export function resolveUser(
  user: string,
  groups: readonly string[],
  files: UserFiles,
): ContainerUser {
  const [userPart = '', groupPart] = user.split(':', 2);
  const row = findUser(userPart === '' ? '0' : userPart, files.passwd);
  const gid =
    groupPart === undefined || groupPart === '' ? row.gid : findGroup(groupPart, files.group);
  const member = groupPart === undefined || groupPart === '' ? groupsOf(row.name, files.group) : [];
  const added = groups.map((group) => findGroup(group, files.group));
  const additionalGids = [...new Set([gid, ...member, ...added])];
  return { uid: row.uid, gid, additionalGids };
}

interface UserRow {
  readonly name: string | undefined;
  readonly uid: number;
  readonly gid: number;
}

function findUser(wanted: string, passwd: string): UserRow {
  const rows = rowsOf(passwd).filter((row) => tryId(row[2]) !== undefined);
  const byName = rows.find((row) => row[0] === wanted);
  const byId = rows.find((row) => row[2] === wanted);
  const row = byName ?? byId;
  if (row !== undefined) return { name: row[0], uid: tryId(row[2]) ?? 0, gid: tryId(row[3]) ?? 0 };
  const uid = tryId(wanted);
  if (uid === undefined) {
    throw invalid(
      'user',
      wanted,
      `unable to find user ${wanted}: no matching entries in passwd file`,
    );
  }
  return { name: undefined, uid, gid: 0 };
}

function findGroup(wanted: string, group: string): number {
  const rows = rowsOf(group);
  const row = rows.find(([name]) => name === wanted);
  const gid = tryId(row?.[2]) ?? tryId(wanted);
  if (gid === undefined) {
    throw invalid(
      'user',
      wanted,
      `unable to find group ${wanted}: no matching entries in group file`,
    );
  }
  return gid;
}

function groupsOf(userName: string | undefined, group: string): number[] {
  if (userName === undefined) return [];
  return rowsOf(group)
    .filter((row) => (row[3] ?? '').split(',').includes(userName))
    .flatMap((row) => tryId(row[2]) ?? []);
}

function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

function tryId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= ID_MAX ? id : undefined;
}
