import { setTimeout } from 'node:timers/promises'
import { GATEWAY_PATH, MEDIA_TYPES, createBhttpReader, type KeyConfig } from '@nomyo/crypto/wire-2'
import { createParser } from 'eventsource-parser'
import { expect } from 'vitest'
import { keyConfigOf, sealMessage, type RequestOptions } from '../wire-2/client.js'

/** One chunk as its reader sees it. */
export interface Chunk {
  /** Bytes of plaintext. */
  readonly length: number
  readonly atMs: number
  readonly text: string
}

/** Stream of which some has arrived. */
export interface ReceivedStream {
  status: number | undefined
  readonly fields: Map<string, string>
  interim: number
  readonly chunks: Chunk[]
  /** Decrypted content so far. */
  text: string
  /** Data of the events so far. */
  readonly data: string[]
  /** Names of the events so far. */
  readonly names: (string | undefined)[]
  /** Resolves at the end of the body: true where the message was whole. */
  readonly ended: Promise<boolean>
  readonly abort: () => void
  /** Resolves once this many events have arrived. */
  readonly events: (count: number) => Promise<void>
}

/** Sends a request and reads its answer as it comes. */
export async function stream(
  gateway: { readonly url: string; readonly hybrid?: KeyConfig },
  options: RequestOptions = {},
): Promise<ReceivedStream> {
  const sealed = await sealMessage(gateway.hybrid ?? (await keyConfigOf(gateway)), options)
  const caller = new AbortController()
  const response = await fetch(gateway.url + GATEWAY_PATH, {
    method: 'POST',
    headers: { 'content-type': MEDIA_TYPES.request },
    body: sealed.body as BodyInit,
    signal: caller.signal,
  })
  expect(response.status).toBe(200)
  const opener = sealed.openAnswer()
  const reader = createBhttpReader('response')
  const decoder = new TextDecoder()
  const parser = createParser({
    onEvent: ({ event, data }) => {
      received.data.push(data)
      received.names.push(event)
    },
  })
  const take = (plaintext: Uint8Array): void => {
    let text = ''
    for (const event of reader.push(plaintext)) {
      if (event.type === 'interim') received.interim++
      if (event.type === 'response') {
        received.status = event.status
        for (const [name, value] of event.fields) received.fields.set(name, value)
      }
      if (event.type === 'content') text += decoder.decode(event.bytes, { stream: true })
    }
    received.text += text
    parser.feed(text)
    received.chunks.push({ length: plaintext.length, atMs: performance.now(), text })
  }
  const read = async (): Promise<boolean> => {
    try {
      const body = response.body!.getReader()
      for (let part = await body.read(); !part.done; part = await body.read()) {
        for (const chunk of await opener.push(part.value)) take(chunk)
      }
      take(await opener.end())
      reader.end()
      return true
    } catch {
      return false
    }
  }
  const received: ReceivedStream = {
    status: undefined,
    fields: new Map(),
    interim: 0,
    chunks: [],
    text: '',
    data: [],
    names: [],
    ended: Promise.resolve(false),
    abort: () => {
      caller.abort()
    },
    events: async (count) => {
      while (received.data.length < count) await setTimeout(5)
    },
  }
  return Object.assign(received, { ended: read() })
}

/** The events of a chat completion, as a model server sends them. */
export const chunkOf = (delta: object, finish: string | null = null, more: object = {}): string =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1767225600,
    model: 'm-of-server',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  })}\n\n`

export const USAGE = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
export const usageEvent = `data: ${JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  choices: [],
  usage: USAGE,
})}\n\n`
export const DONE = 'data: [DONE]\n\n'

/** The text of a stream of chat completions. */
export const textOf = ({ data }: Pick<ReceivedStream, 'data'>): string =>
  data
    .filter((text) => text !== '[DONE]')
    .map((text) => {
      const { choices } = JSON.parse(text) as { choices?: [{ delta?: { content?: string } }] }
      return choices?.[0]?.delta?.content ?? ''
    })
    .join('')
