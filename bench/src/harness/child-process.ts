import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** A process that runs an entry of this package and answers over its channel. */
export interface Child {
  /** Returns the next message of the process, after sending `question` if there is one. */
  ask<Answer>(question?: string): Promise<Answer>
  stop(): Promise<void>
}

/**
 * Starts an entry of `dist` in a fresh process.
 *
 * @param input - passed as JSON in `process.argv[2]`
 */
export function startChild(entry: string, input: unknown): Child {
  const child = fork(new URL(`./${entry}.js`, import.meta.url), [JSON.stringify(input)])
  return {
    ask: async <Answer>(question?: string) => {
      const answer = nextMessage(child, entry)
      if (question !== undefined) child.send(question)
      return (await answer) as Answer
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** Runs an entry to its end. Returns the one message that it sends. */
export async function runChild<Output>(entry: string, input: unknown): Promise<Output> {
  const child = startChild(entry, input)
  try {
    return await child.ask<Output>()
  } finally {
    await child.stop()
  }
}

async function nextMessage(child: ChildProcess, entry: string): Promise<unknown> {
  const over = new AbortController()
  const { signal } = over
  try {
    const [message] = (await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(() => {
        throw new Error(`the process of ${entry} ended early`)
      }),
    ])) as [unknown]
    return message
  } finally {
    over.abort()
  }
}
