/** Rollups have more for an answer than can be added up here without holding up everybody else. */
export class TooManyValuesError extends Error {
  override name = 'TooManyValuesError';
}

/** Answers from rollups, or from events where rollups have too much: MongoDB then does the adding up, within its time. */
export async function unlessTooMany<Answer>(
  readRollups: () => Promise<Answer>,
  readEvents: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await readRollups();
  } catch (error) {
    if (error instanceof TooManyValuesError) {
      return readEvents();
    }
    throw error;
  }
}
