import { mapValues } from './statistics.js'

/**
 * Runs every task once a round and returns the values of each. Other load of the machine affects all
 * of them alike. Every round has a random order, so that no task always pays for the garbage of the
 * same predecessor.
 *
 * @param fewer - rounds of tasks that are slow and need no precision, spread over all rounds
 */
export async function interleave<Name extends string, Value>(
  tasks: Readonly<Record<Name, () => Promise<Value>>>,
  rounds: number,
  fewer?: Readonly<Partial<Record<Name, number>>>,
): Promise<Record<Name, Value[]>> {
  const names = Object.keys(tasks) as Name[]
  const values = mapValues(tasks, (): Value[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const wanted = Math.min(fewer?.[name] ?? rounds, rounds)
      if (values[name].length * rounds <= round * wanted) values[name].push(await tasks[name]())
    }
  }
  return values
}

/** Returns the items in random order (Fisher-Yates). */
function shuffled<Item>(items: readonly Item[]): Item[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[order[last], order[other]] = [order[other] as Item, order[last] as Item]
  }
  return order
}
