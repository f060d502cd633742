/** What a core has seen and done since it was made, for metrics. */
export class Counters {
  packetsSent = 0;
  packetBytesSent = 0;
  packetsReceived = 0;
  /** Sealed by no accepted key. */
  unsealedRefused = 0;
  /** Opened, but not readable: a bug or another version of frames. */
  malformedRefused = 0;
  /** Messages of types that this version does not know. */
  unknownSkipped = 0;
  probes = 0;
  probesFailed = 0;
  /** Probes that only a stream answered: UDP does not get through. */
  probesByStream = 0;
  suspicions = 0;
  refutations = 0;
  /** Times at which this node was not running when it should have. */
  stalls = 0;
  /** Not taken because of `membersMax`, or a protocol that is not shared. */
  membersRefused = 0;
  conflicts = 0;
  syncs = 0;
  syncBytesSent = 0;
  /** Streams that failed, or on which nothing moved. */
  streamsFailed = 0;
  streamsRefused = 0;
  relaysRefused = 0;
  /** Claims of networks beyond `networksPerMemberMax`. */
  networksRefused = 0;
  /** Because of `effectsMax`. */
  effectsDropped = 0;
}
