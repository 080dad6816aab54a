import type { Bench } from '../src/bench.ts';
import { startIngestion, startNaiveIngestion, startNaiveWorker, startWorker } from '../src/contenders.ts';
import { readRate, remarkTrouble } from '../src/httpLoad.ts';
import { remarkLoss } from '../src/loss.ts';
import type { PartSettings } from '../src/options.ts';
import { measurePassage, type Passage } from '../src/passage.ts';
import { atLeast, compareMedians, mapQuantities, type Report } from '../src/report.ts';
import { measureInTurns, type Variant } from '../src/rounds.ts';
import { startMongo, startRedis } from '../src/stack.ts';

/** Events from a client to MongoDB while ingestion and worker share the machine, under full load. */
export async function measureEndToEnd(bench: Bench, { rounds, seconds }: PartSettings): Promise<Report> {
  const variant = (
    name: string,
    startProducer: typeof startIngestion,
    startConsumer: typeof startWorker,
  ): Variant<Passage> => ({
    name,
    measure: async (scope) => {
      const redis = await startRedis(bench, scope, 'everysec');
      const mongoUri = await startMongo(bench, scope);
      await startConsumer(bench, scope, redis, mongoUri);
      const { url } = await startProducer(bench, scope, redis);
      return measurePassage(bench, scope, { redis, mongoUri, url, seconds });
    },
  });
  const results = await measureInTurns(bench, 'end-to-end', rounds, {
    naive: variant('naive', startNaiveIngestion, startNaiveWorker),
    ours: variant('this', startIngestion, startWorker),
  });

  const steady = mapQuantities(results, 'stored/s under load', (passage) => passage.storedPerSecond);
  const whole = mapQuantities(results, 'stored/s to the end', (passage) => passage.storedPerSecondToTheEnd);
  const accepted = mapQuantities(results, 'accepted/s', readRate);
  const remainder = mapQuantities(results, 's to empty after', (passage) => passage.remainderSeconds);
  const all = Object.values(results);
  return {
    settings: `${rounds} × ${seconds} s in turns, everysec`,
    quantities: [steady, whole, accepted, remainder].flatMap((quantities) => Object.values(quantities)),
    comparisons: [
      compareMedians('under load: this / naive', steady.ours, steady.naive, atLeast(8, 14)),
      compareMedians('until all are stored: this / naive', whole.ours, whole.naive, atLeast(8, 14)),
    ],
    remarks: [...remarkTrouble(all), ...all.flatMap(({ name, samples }) => remarkLoss(name, samples))],
  };
}
