/**
 * AES-256-GCM over the keys of a `KeyRing`.
 *
 *   sealed    key id u8 | nonce 12 bytes | ciphertext | tag 16 bytes
 *
 * The key's id is authenticated with the rest. All members seal with one key, so nonces must differ
 * between them: 8 random bytes for each sealer and 4 that count, and other random ones when the
 * count is at its end. In a key's life of half a day a million sealers would meet with a chance
 * below 1 in 30 million, and 5,000 members stay far below the 2^32 packets that NIST SP 800-38D
 * (8.3) grants to random nonces. A packet that is played back opens again; what gossip says is safe
 * to hear at any time.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomFillSync,
  type KeyObject,
} from 'node:crypto';
import type { GossipKey, KeyRing, PacketSeal } from '../../../gossip/index.ts';

const CIPHER = 'aes-256-gcm';
const ID_BYTES = 1;
const NONCE_BYTES = 12;
const PREFIX_BYTES = 8;
const TAG_BYTES = 16;
const COUNT_MAX = 2 ** 32 - 1;

export class RingSeal implements PacketSeal {
  readonly overheadBytes = ID_BYTES + NONCE_BYTES + TAG_BYTES;
  private readonly ring: KeyRing;
  private readonly prepared = new WeakMap<GossipKey, KeyObject>();
  private readonly nonce = Buffer.alloc(NONCE_BYTES);
  private count = COUNT_MAX;

  constructor(ring: KeyRing) {
    this.ring = ring;
  }

  seal(bytes: Uint8Array): Uint8Array {
    const { primary } = this.ring;
    const id = Uint8Array.of(primary.id);
    const nonce = this.nextNonce();
    const cipher = createCipheriv(CIPHER, this.keyObject(primary), nonce);
    cipher.setAAD(id);
    const sealed = cipher.update(bytes);
    return Buffer.concat([id, nonce, sealed, cipher.final(), cipher.getAuthTag()]);
  }

  open(bytes: Uint8Array): Uint8Array | undefined {
    const key = this.ring.withId(bytes[0] ?? 0);
    if (key === undefined || bytes.length < this.overheadBytes) return undefined;
    const bodyAt = ID_BYTES + NONCE_BYTES;
    const tagAt = bytes.length - TAG_BYTES;
    const nonce = bytes.subarray(ID_BYTES, bodyAt);
    const decipher = createDecipheriv(CIPHER, this.keyObject(key), nonce);
    decipher.setAAD(bytes.subarray(0, ID_BYTES));
    decipher.setAuthTag(bytes.subarray(tagAt));
    try {
      const opened = decipher.update(bytes.subarray(bodyAt, tagAt));
      decipher.final();
      return opened;
    } catch {
      // The one thing that fails here is the tag: another key, or other bytes.
      return undefined;
    }
  }

  private nextNonce(): Buffer {
    if (this.count === COUNT_MAX) {
      randomFillSync(this.nonce, 0, PREFIX_BYTES);
      this.count = 0;
    } else this.count += 1;
    this.nonce.writeUInt32BE(this.count, PREFIX_BYTES);
    return this.nonce;
  }

  private keyObject(key: GossipKey): KeyObject {
    const known = this.prepared.get(key);
    if (known !== undefined) return known;
    const made = createSecretKey(key.bytes);
    this.prepared.set(key, made);
    return made;
  }
}
