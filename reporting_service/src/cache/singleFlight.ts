/** Does a piece of work once for all who ask for it while it is under way. */
export function createSingleFlight<Result>(): (key: string, work: () => Promise<Result>) => Promise<Result> {
  const flights = new Map<string, Promise<Result>>();
  return (key, work) => {
    const underWay = flights.get(key);
    if (underWay !== undefined) {
      return underWay;
    }
    const flight = work().finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };
}
