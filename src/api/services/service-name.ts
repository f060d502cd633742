/** Names for services that were given none, of Docker's shape: an adjective and somebody's name. */
import { randomBelow, type Rng } from '../../base/index.ts';

const ADJECTIVES = [
  ...['able', 'airy', 'ample', 'amber', 'arctic', 'azure', 'balmy', 'blithe', 'brisk', 'buoyant'],
  ...['calm', 'candid', 'cheery', 'coastal', 'copper', 'crisp', 'daring', 'deft', 'drifting'],
  ...['earnest', 'easterly', 'even', 'fabled', 'fair', 'fleet', 'frank', 'gallant', 'genial'],
  ...['gilded', 'gusty', 'hale', 'hardy', 'homeward', 'humble', 'inland', 'ivory', 'jaunty'],
  ...['keen', 'kindly', 'lasting', 'level', 'limber', 'lunar', 'mellow', 'merry', 'mild'],
  ...['moored', 'nimble', 'northern', 'oaken', 'open', 'patient', 'plucky', 'polar', 'prompt'],
  ...['quick', 'quiet', 'rolling', 'rosy', 'rugged', 'sandy', 'seaworthy', 'silver', 'snug'],
  ...['sober', 'solar', 'southern', 'spry', 'steady', 'sturdy', 'supple', 'swift', 'tidal'],
  ...['tidy', 'tranquil', 'true', 'upbeat', 'valiant', 'velvet', 'wakeful', 'westerly', 'windy'],
] as const;

/** People of networks, of the sea, and of finding one's way there. */
const SURNAMES = [
  ...['abramson', 'amundsen', 'baran', 'barents', 'baret', 'bass', 'battuta', 'beaufort'],
  ...['bellovin', 'bering', 'boggs', 'bowditch', 'cabot', 'cerf', 'clarke', 'cochrane', 'crocker'],
  ...['crosby', 'davies', 'deering', 'drake', 'ekman', 'estrin', 'feinler', 'floyd', 'flinders'],
  ...[
    'franklin',
    'frobisher',
    'gama',
    'gray',
    'hadley',
    'halley',
    'harrison',
    'heezen',
    'heyerdahl',
  ],
  ...['hudson', 'huitema', 'jacobson', 'kahn', 'karn', 'kirstein', 'kleinrock', 'lamarr', 'lovell'],
  ...['magellan', 'maury', 'mercator', 'metcalfe', 'mills', 'mockapetris', 'nansen', 'norman'],
  ...['ohm', 'paxson', 'peary', 'perlman', 'piccard', 'plummer', 'polo', 'postel', 'pouzin'],
  ...['reynolds', 'ritchie', 'roberts', 'ross', 'saltzer', 'scantlebury', 'shackleton', 'shoch'],
  ...['slocum', 'stevens', 'strazisar', 'sverdrup', 'taylor', 'tharp', 'tomlinson', 'vespucci'],
  ...['wesley', 'yonge', 'zheng', 'zimmermann'],
] as const;

/** Draws before a number is put behind the name, as there are few names left. */
const PLAIN_DRAWS = 8;
const SUFFIX_MAX = 1e6;

/** A name that is not taken. */
export function drawServiceName(rng: Rng, isTaken: (name: string) => boolean): string {
  for (let draws = 1; ; draws += 1) {
    const plain = `${pick(ADJECTIVES, rng)}_${pick(SURNAMES, rng)}`;
    const name = draws <= PLAIN_DRAWS ? plain : `${plain}${randomBelow(rng, SUFFIX_MAX)}`;
    if (!isTaken(name)) return name;
  }
}

function pick(words: readonly string[], rng: Rng): string {
  return words[randomBelow(rng, words.length)] ?? '';
}
