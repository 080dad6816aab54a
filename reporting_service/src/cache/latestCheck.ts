/**
 * Answers a request with a check that began after the request came. Requests that come during a check share the next one, so that
 * one check runs at a time for each key.
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
