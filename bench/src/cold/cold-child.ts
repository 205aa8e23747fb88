// A fresh process that makes one call and times it, from the first line of this file on.
import type { CompletionStep } from '@nomyo/client'
import { chatRequest } from '../messages.js'
import { monitorEventLoop } from './event-loop-monitor.js'

/** Input of the process. */
export interface ColdInput {
  readonly way: 'sealed' | 'fetch'
  readonly baseUrl: string
  /** Folder of a saved key; without one a key is generated. */
  readonly keyDir?: string
}

/** Result of the process, in milliseconds. */
export interface ColdTimes {
  /** Loading the modules of the client. */
  readonly importMs: number
  /** `new SecureChatCompletion()`, or nothing for `fetch`. */
  readonly constructorMs: number
  /** From the constructor until the reply key exists. */
  readonly keyMs: number
  /** From the constructor until the answer arrives. */
  readonly firstCompletionMs: number
  /** Longest block of the event loop, from the constructor on. */
  readonly longestBlockMs: number
}

const { way, baseUrl, keyDir } = JSON.parse(process.argv[2] ?? '') as ColdInput
const request = chatRequest('1 KB', 'ascii')
const times = way === 'sealed' ? await askSealed() : await askPlain()
process.send?.(times)

async function askSealed(): Promise<ColdTimes> {
  const importedFrom = performance.now()
  const { SecureChatCompletion } = await import('@nomyo/client')
  const importMs = performance.now() - importedFrom
  const doneAt = new Map<CompletionStep['name'], number>()
  const loop = await monitorEventLoop()

  const startedAt = performance.now()
  const client = new SecureChatCompletion({
    baseUrl,
    keyDir,
    allowHttp: true,
    logger: { warn: () => undefined },
    onStep: ({ name }) => doneAt.set(name, performance.now()),
  })
  const constructedAt = performance.now()
  const { choices } = await client.create({ ...request })
  const answeredAt = performance.now()

  const longestBlockMs = loop.stop()
  checkAnswer(choices[0].message.content)
  client.dispose()
  return {
    importMs,
    constructorMs: constructedAt - startedAt,
    keyMs: (doneAt.get('reply-key') ?? Number.NaN) - startedAt,
    firstCompletionMs: answeredAt - startedAt,
    longestBlockMs,
  }
}

async function askPlain(): Promise<ColdTimes> {
  const loop = await monitorEventLoop()
  const startedAt = performance.now()
  const response = await fetch(`${baseUrl}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify(request),
  })
  const { choices } = (await response.json()) as {
    choices: { message: { content: string } }[]
  }
  const firstCompletionMs = performance.now() - startedAt
  const longestBlockMs = loop.stop()
  checkAnswer(choices[0]?.message.content)
  return { importMs: 0, constructorMs: 0, keyMs: 0, firstCompletionMs, longestBlockMs }
}

function checkAnswer(content: unknown): void {
  if (content !== request.messages.at(-1)?.content) throw new Error('a wrong answer')
}
