/**
 * Secrets on a manager's disk: AES-256-GCM under a key of 32 random bytes.
 *
 * Two keys are at work. A data key seals the log, always. The unlock key, which operators keep,
 * seals the data keys and the node's TLS key while the cluster locks its managers; it is shown as
 * Swarm shows it: `SWMKEY-1-` and the key in base64 without padding.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { ClusterError } from '../errors.ts';
import type { LogSeal } from '../log/index.ts';

/** What `member.json` keeps secret. */
export interface NodeKeys {
  readonly keyPem: string;
  /** Keys of the log, base64, the one that is sealed with first. None on a worker. */
  readonly dataKeys: readonly string[];
}

/** A seal whose keys may change while it is in use. */
export interface RekeyableSeal extends LogSeal {
  /** Seals with the first of these from here on, and opens with any. */
  use(dataKeys: readonly string[]): void;
}

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const UNLOCK_KEY = /^SWMKEY-1-([A-Za-z0-9+/]{43})$/;

export function createUnlockKey(): string {
  return `SWMKEY-1-${randomBytes(KEY_BYTES).toString('base64').replace('=', '')}`;
}

/** Throws `ClusterError` when the text is not an unlock key's. */
export function parseUnlockKey(text: string): Buffer {
  const key = Buffer.from(UNLOCK_KEY.exec(text)?.[1] ?? '', 'base64');
  if (key.length === KEY_BYTES) return key;
  throw new ClusterError(
    { code: 'invalid-unlock-key' },
    'invalid key string: an unlock key looks like SWMKEY-1-<43 characters>; ' +
      '"docker swarm unlock-key" on an unlocked manager prints it',
  );
}

/** A key for the log, base64. */
export function createDataKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}

export const sealedKeysSchema = z.object({
  cipher: z.literal(CIPHER),
  nonce: z.base64(),
  /** With the tag at its end. */
  bytes: z.base64(),
});
export type SealedKeys = z.output<typeof sealedKeysSchema>;

const keysSchema = z.object({ keyPem: z.string(), dataKeys: z.array(z.base64()) });

/** `owner` is not secret; the keys open for the same owner only. Throws `ClusterError`. */
export function sealKeys(keys: NodeKeys, unlockKey: string, owner: string): SealedKeys {
  const nonce = randomBytes(NONCE_BYTES);
  const plain = Buffer.from(JSON.stringify({ keyPem: keys.keyPem, dataKeys: keys.dataKeys }));
  const bytes = encrypt(parseUnlockKey(unlockKey), { nonce, owner }, plain);
  return { cipher: CIPHER, nonce: nonce.toString('base64'), bytes: bytes.toString('base64') };
}

/** Throws `ClusterError` with code `invalid-unlock-key` when it is another key. */
export function openKeys(sealed: SealedKeys, unlockKey: string, owner: string): NodeKeys {
  const key = parseUnlockKey(unlockKey);
  const nonce = Buffer.from(sealed.nonce, 'base64');
  const plain = decrypt(key, { nonce, owner }, Buffer.from(sealed.bytes, 'base64'));
  if (plain === undefined)
    throw new ClusterError(
      { code: 'invalid-unlock-key' },
      'swarm could not be unlocked: invalid key provided',
    );
  return keysSchema.parse(JSON.parse(plain.toString()));
}

/** Which key it was, in four bytes of its digest; so that several can be tried at no cost. */
const KEY_ID_BYTES = 4;
/** Of a nonce: drawn anew for each process and each 2^32 of its records. */
const SALT_BYTES = 8;
const COUNT_MAX = 2 ** 32 - 1;

interface DataKey {
  readonly id: Buffer;
  readonly key: Buffer;
}

/**
 * Seals with the first of `dataKeys` (base64) and opens with any. A record is the key's id, a
 * nonce, the text and the tag. Nonces are a random salt and a count: none comes twice under a key,
 * also not after 2^32 records, as random ones would (NIST SP 800-38D, 8.3).
 */
export function createLogSeal(dataKeys: readonly string[]): RekeyableSeal {
  let ring = new KeyRing(dataKeys);
  return {
    overheadBytes: KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES,
    use: (keys) => void (ring = new KeyRing(keys)),
    seal: (bytes) => ring.seal(bytes),
    open: (bytes) => ring.open(bytes),
  };
}

class KeyRing {
  private readonly keys: readonly DataKey[];
  private readonly current: DataKey;
  private readonly nonces = new Nonces();

  constructor(dataKeys: readonly string[]) {
    this.keys = dataKeys.map(readDataKey);
    const [current] = this.keys;
    if (current === undefined) throw new RangeError('a seal needs a key');
    this.current = current;
  }

  seal(bytes: Uint8Array): Buffer {
    const { id, key } = this.current;
    const nonce = this.nonces.next();
    return Buffer.concat([id, nonce, encrypt(key, { nonce, owner: '' }, bytes)]);
  }

  open(bytes: Uint8Array): Buffer | undefined {
    const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const id = sealed.subarray(0, KEY_ID_BYTES);
    const key = this.keys.find((each) => each.id.equals(id))?.key;
    if (key === undefined) return undefined;
    const nonce = sealed.subarray(KEY_ID_BYTES, KEY_ID_BYTES + NONCE_BYTES);
    return decrypt(key, { nonce, owner: '' }, sealed.subarray(KEY_ID_BYTES + NONCE_BYTES));
  }
}

function readDataKey(text: string): DataKey {
  const key = Buffer.from(text, 'base64');
  if (key.length !== KEY_BYTES) throw new RangeError('a data key has 32 bytes');
  return { key, id: createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES) };
}

class Nonces {
  private salt = randomBytes(SALT_BYTES);
  private count = 0;

  next(): Buffer {
    if (this.count > COUNT_MAX) {
      this.salt = randomBytes(SALT_BYTES);
      this.count = 0;
    }
    const nonce = Buffer.allocUnsafe(NONCE_BYTES);
    this.salt.copy(nonce);
    nonce.writeUInt32BE(this.count, SALT_BYTES);
    this.count += 1;
    return nonce;
  }
}

interface Envelope {
  readonly nonce: Buffer;
  /** Authenticated, not encrypted. */
  readonly owner: string;
}

function encrypt(key: Buffer, { nonce, owner }: Envelope, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(Buffer.from(owner));
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, { nonce, owner }: Envelope, sealed: Buffer): Buffer | undefined {
  if (nonce.length !== NONCE_BYTES || sealed.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(owner));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return undefined;
  }
}
