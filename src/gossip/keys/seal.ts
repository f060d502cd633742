/**
 * Keeps packets and frames secret and whole. Declared here, where it is needed; implemented where
 * there is a cipher, over the keys of a `KeyRing`.
 */
export interface PacketSeal {
  /** Bytes that `seal` adds, at most. */
  readonly overheadBytes: number;
  seal(bytes: Uint8Array): Uint8Array;
  /** `undefined` for bytes that no accepted key has sealed. */
  open(bytes: Uint8Array): Uint8Array | undefined;
}
