/**
 * Answers a question by a check that was begun after it was asked. Who asks while a check is under way waits for the next one,
 * together with all others who do: however many ask, one check follows the other.
 */
export function createLatestCheck<Answer>(): (key: string, check: () => Promise<Answer>) => Promise<Answer> {
  const lines = new Map<string, { underWay: Promise<Answer>; next?: Promise<Answer> }>();

  function begin(key: string, check: () => Promise<Answer>): Promise<Answer> {
    const underWay = check();
    const line: { underWay: Promise<Answer>; next?: Promise<Answer> } = { underWay };
    lines.set(key, line);
    const end = () => {
      if (line.next === undefined) {
        lines.delete(key);
      }
    };
    underWay.then(end, end);
    return underWay;
  }

  return (key, check) => {
    const line = lines.get(key);
    if (line === undefined) {
      return begin(key, check);
    }
    line.next ??= line.underWay.then(
      () => begin(key, check),
      () => begin(key, check),
    );
    return line.next;
  };
}
