import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import type { EventJob } from '@analytics/shared/event/event';
import { createLogger } from '@analytics/shared/service/logger';
import type { Queue } from 'bullmq';
import { beforeEach } from 'vitest';
import { createDeadLetterCommands } from '../../src/deadLetters/deadLetterCommands.ts';
import { createDeadLetterStore } from '../../src/deadLetters/deadLetterStore.ts';
import { createEvent } from '../createEvent.ts';
import { openQueue, openStore } from '../events/startConsumer.ts';

const logger = createLogger({ name: 'dead-letters', level: 'silent', isPretty: false });

/**
 * Opens the commands for a test file, with a person who answers their questions. Before each test there is no
 * dead letter and no job.
 */
export async function startDeadLetterCommands() {
  const stack = useTestStack();
  const queue = openQueue(stack);
  const { Event, DeadLetter, processJob } = await openStore(stack);

  /** What the commands have printed and asked, and the answer of the person. */
  const person = {
    lines: [] as string[],
    questions: [] as string[],
    isConfirmed: true,
    /** Runs before the answer. */
    whileAsked: async () => {},
  };

  const openCommands = (used: Pick<Queue, 'add'>) =>
    createDeadLetterCommands({
      collection: DeadLetter.collection as never,
      openQueue: async () => used as Queue,
      print: (line) => person.lines.push(line),
      showProgress: () => {},
      confirm: async (question) => {
        person.questions.push(question);
        await person.whileAsked();
        return person.isConfirmed;
      },
    });

  beforeEach(async () => {
    await DeadLetter.deleteMany();
    await queue.drain();
    Object.assign(person, { lines: [], questions: [], isConfirmed: true, whileAsked: async () => {} });
  });

  async function save(event: EventJob, reason: string, failedAt: string): Promise<void> {
    const deadLetters = createDeadLetterStore(DeadLetter, logger, { now: () => new Date(failedAt) });
    await deadLetters.save([{ event, reason, cause: '' }], { id: '7', attempts: 2 });
  }

  async function saveThree() {
    const [a, b, c] = [
      createEvent({ site_id: 'a' }),
      createEvent({ site_id: 'b' }),
      createEvent({ site_id: 'a' }),
    ];
    await save(a, 'too large (BSON)', '2025-11-12T10:00:00Z');
    await save(b, 'Document failed validation', '2025-11-12T11:00:00Z');
    await save(c, 'Document failed validation', '2025-11-12T12:00:00Z');
    return { a, b, c };
  }

  return {
    stack,
    queue,
    Event,
    DeadLetter,
    deadLetters: createDeadLetterStore(DeadLetter, logger),
    processJob,
    person,
    /** Opens the commands with another queue. */
    openCommands,
    commands: openCommands(queue),
    save,
    saveThree,
  };
}
