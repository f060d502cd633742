/** dataplane: declares what a kernel should hold, and the `Kernel` that holds it. */
export * from './objects.ts';
export * from './kernel.ts';
export { NFT_FOREIGN_RULE, nftDigest, nftRuleKey } from './nft-digest.ts';
