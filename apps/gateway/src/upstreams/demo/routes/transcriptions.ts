import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy } from '@fastify/busboy'
import { JsonObject } from '../../../json/json-object.js'
import type { RouteAnswer, RouteRequest } from '../../route.js'
import type { SseEvent } from '../../server/sse/read-events.js'
import { LABEL, NOTE, roughTokens } from '../label.js'

/** Checks for a request with a file of sound. */
export const isSound = ({ path }: RouteRequest): boolean =>
  path === '/audio/transcriptions' || path === '/audio/translations'

/** Makes up the text of a file of sound, of any size: it is counted, not held. */
export async function transcribe(
  body: Uint8Array | Readable,
  contentType: string,
): Promise<RouteAnswer> {
  const form = new Map<string, string>()
  let size = 0
  const parser = new Busboy({ headers: { 'content-type': contentType } })
    .on('field', (name, value) => form.set(name, value))
    .on('file', (_name, file) => {
      file.on('data', (part: Uint8Array) => (size += part.length))
    })
  await pipeline(body instanceof Uint8Array ? Readable.from([body]) : body, parser)
  const text = `${NOTE} Your sound of ${String(size)} bytes arrived encrypted.`
  const output_tokens = roughTokens(text)
  const usage = { type: 'tokens', input_tokens: 1, output_tokens, total_tokens: 1 + output_tokens }
  const close = (): void => undefined
  if (form.get('stream') === 'true') {
    const body = { kind: 'events', events: streamText(text, usage) } as const
    return { contentType: 'text/event-stream', body, close }
  }
  const format = form.get('response_format')
  const written = format === undefined ? undefined : WRITTEN.get(format)?.(text)
  if (written !== undefined) {
    const body = { kind: 'bytes', bytes: new TextEncoder().encode(written) } as const
    return { contentType: 'text/plain; charset=utf-8', body, close }
  }
  const object = JsonObject.from({ text, system_fingerprint: LABEL, usage })
  return { contentType: 'application/json', body: { kind: 'json', object }, close }
}

/** Forms of a text, by `response_format`. Default: JSON. */
const WRITTEN: ReadonlyMap<string, (text: string) => string> = new Map([
  ['text', (text) => `${text}\n`],
  ['srt', (text) => `1\n00:00:00,000 --> 00:00:01,000\n${text}\n\n`],
  ['vtt', (text) => `WEBVTT\n\n00:00.000 --> 00:01.000\n${text}\n\n`],
])

// eslint-disable-next-line @typescript-eslint/require-await
async function* streamText(text: string, usage: object): AsyncGenerator<SseEvent, void, undefined> {
  for (const delta of text.split(/(?<=\s)/)) {
    yield { data: JSON.stringify({ type: 'transcript.text.delta', delta }) }
  }
  yield { data: JSON.stringify({ type: 'transcript.text.done', text, usage }) }
}
