import test from 'ava';
import { AFTER_PERSIST, type AppendOutcome, type Message } from '../../../src/raft/index.ts';
import { Outbox } from '../../../src/raft/outbox.ts';
import {
  accepted,
  append,
  appendReply,
  heartbeat,
  heartbeatReply,
  preVoteRequest,
  rejected,
  timeoutNow,
  voteReply,
  voteRequest,
} from '../support/words.ts';

const one = { from: '2', term: 1 };

function reply(outcome: AppendOutcome, from = one): Message {
  return appendReply(from, outcome);
}

for (const message of [
  append(one, [0, 0]),
  heartbeat(one),
  heartbeatReply(one),
  preVoteRequest(one, [0, 0]),
  timeoutNow(one),
  voteRequest(one, [0, 0]),
  voteReply(one, true),
  reply(accepted(3)),
]) {
  const mustWait = (AFTER_PERSIST as readonly string[]).includes(message.kind);
  test(`${message.kind} ${mustWait ? 'waits for the disk' : 'goes at once'}`, (t) => {
    const outbox = new Outbox();
    outbox.put(message);
    t.like(outbox, { length: 1, hasAtOnce: !mustWait, hasAfterPersist: mustWait });
    t.deepEqual(outbox.takeAtOnce(), mustWait ? [] : ([message] as never));
    t.deepEqual(outbox.takeAfterPersist(), mustWait ? ([message] as never) : []);
    t.is(outbox.length, 0);
  });
}

for (const { name, second, expected } of [
  { name: 'a later acceptance says it all', second: reply(accepted(5)), expected: [5] },
  { name: 'an earlier one adds nothing', second: reply(accepted(2)), expected: [3] },
  {
    name: 'one of another term is another matter',
    second: reply(accepted(5), { from: '2', term: 2 }),
    expected: [3, 5],
  },
  { name: 'a refusal is kept', second: reply(rejected(4, 2, 1)), expected: [3, undefined] },
])
  test(`of two answers in a row, ${name}`, (t) => {
    const outbox = new Outbox();
    outbox.put(reply(accepted(3)));
    outbox.put(second);
    const matches = outbox.takeAfterPersist().map((message) => {
      const outcome = message.kind === 'append.reply' ? message.outcome : undefined;
      return outcome?.kind === 'accepted' ? outcome.match : undefined;
    });
    t.deepEqual(matches, expected);
  });
