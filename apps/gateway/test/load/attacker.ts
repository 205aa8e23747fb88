import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { publicKeyToHeader } from '@nomyo/crypto'
import { clientKeys, COMPLETIONS } from '../support.js'

/** The process of `attacker.mjs`. */
export interface Attacker {
  /** Base URL of its model server. */
  readonly modelUrl: string
  /** Names of the worst requests. */
  readonly shapes: readonly string[]
  /** Names of the worst bodies that are no envelope. */
  readonly envelopes: readonly string[]
  connect(gateway: { readonly url: string }): Promise<void>
  run<Result>(task: 'one' | 'rate' | 'flood', options: object): Promise<Result>
  stop(): void
}

/** Starts a process that is the model server, and a caller with the worst requests. */
export async function startAttacker(): Promise<Attacker> {
  const child = fork(join(import.meta.dirname, 'attacker.mjs'))
  const [{ model, shapes, envelopes }] = (await once(child, 'message')) as [
    { model: string; shapes: readonly string[]; envelopes: readonly string[] },
  ]
  const waiting = new Map<number, (result: unknown) => void>()
  child.on('message', ({ id, result }: { id: number; result: unknown }) => {
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  let last = 0
  const run = <Result>(task: string, options: object): Promise<Result> =>
    new Promise((resolve) => {
      const id = ++last
      waiting.set(id, (result) => resolve(result as Result))
      child.send({ id, task, options })
    })
  return {
    modelUrl: model,
    shapes,
    envelopes,
    connect: async ({ url }) => {
      const publicKey = await (await fetch(`${url}/pki/public_key`)).text()
      const header = publicKeyToHeader(clientKeys.publicKey)
      await run('connect', { url: url + COMPLETIONS, publicKey, header })
    },
    run,
    stop: () => void child.kill('SIGKILL'),
  }
}
