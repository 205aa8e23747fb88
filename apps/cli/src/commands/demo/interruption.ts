import { once } from 'node:events'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Waits for a signal that would end this process, so that its child processes can be ended first. */
export function awaitInterruption() {
  const listening = new AbortController()
  const receive = async (name: NodeJS.Signals): Promise<NodeJS.Signals> => {
    await once(process, name, { signal: listening.signal })
    return name
  }
  const received = Promise.race(SIGNALS.map(receive))
  // Where no signal came.
  received.catch(() => undefined)
  return {
    received,
    ignore: () => {
      listening.abort()
    },
  }
}
