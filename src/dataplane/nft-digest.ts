/**
 * How an nft rule is known again.
 *
 * nft prints rules in its own words, so text that went in cannot be compared with text that comes
 * out. Each rule of ours carries `comment "<digest of its text>"`; a table read from the kernel has
 * `#<digest>` where a planned one has the text, and `nftRuleKey` maps both to the same string.
 */

/**
 * What a rule read from the kernel becomes when it carries no digest of ours: equal to no planned
 * rule.
 */
export const NFT_FOREIGN_RULE = '#foreign';

const FNV_PRIME = 0x01000193;

/**
 * 64 bits as 16 hexadecimal digits: two FNV-1a sums over UTF-16 units with different starts. Not
 * for secrets.
 */
export function nftDigest(text: string): string {
  let high = 0x811c9dc5;
  let low = 0x9e3779b9;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, FNV_PRIME);
    low = Math.imul(low ^ unit, FNV_PRIME) ^ (low >>> 15);
  }
  return hex(high) + hex(low);
}

/** `#<digest>` of a planned rule; a rule read from the kernel has that form already. */
export function nftRuleKey(rule: string): string {
  return rule.startsWith('#') ? rule : `#${nftDigest(rule)}`;
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
