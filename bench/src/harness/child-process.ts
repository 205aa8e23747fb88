import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Server } from 'node:net'
import { listenOnLoopback } from '@nomyo-internal/testing/network'

/**
 * Starts an entry of `dist` in a fresh process, which answers over its channel.
 *
 * @param input - what {@link childInput} returns there
 */
export function startChild(entry: string, input?: unknown) {
  const path = new URL(`./${entry}.js`, import.meta.url)
  // JSON has no NaN, which stands for what could not be measured.
  const child = fork(path, [JSON.stringify(input ?? null)], { serialization: 'advanced' })
  const exited = once(child, 'exit')
  const failed = exited.then(() => {
    throw new Error(`the process of ${entry} ended early`)
  })
  failed.catch(() => undefined)
  return {
    /** Returns the next message of the process, after sending `question` if there is one. */
    ask: async <Answer>(question?: string): Promise<Answer> => {
      const answer = once(child, 'message') as Promise<[Answer]>
      if (question !== undefined) child.send(question)
      return (await Promise.race([answer, failed]))[0]
    },
    stop: async () => {
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

/** Returns the input of this process. */
export const childInput = <Input>(): Input => JSON.parse(process.argv[2] ?? '') as Input

/** Lets a server of this process listen on loopback, sends its URL, and exits with the parent. */
export async function serveFromChild(server: Server): Promise<void> {
  process.send?.(`http://127.0.0.1:${await listenOnLoopback(server)}`)
  process.once('disconnect', () => process.exit())
}
