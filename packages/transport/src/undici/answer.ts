import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { ExchangeAnswer } from '../exchange.js'

/** What undici gave, to be read at once: nothing of the web's streams in between. */
export function toExchangeAnswer(answer: Dispatcher.ResponseData): ExchangeAnswer {
  const { statusCode, headers, body } = answer
  return {
    status: statusCode,
    header(name) {
      const value = headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    read: (take) => readAll(body, take),
    cancel: () => void body.destroy(),
  }
}

/** By listeners: iterating takes a quarter more of what a small call costs. */
function readAll(body: Readable, take: (part: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // Listeners would not hear of what has already happened.
    if (body.errored !== null) reject(body.errored)
    const takePart = (part: Uint8Array): void => {
      try {
        take(part)
      } catch (error) {
        body.destroy(error as Error)
      }
    }
    body.on('data', takePart).on('end', resolve).on('error', reject).on('close', reject)
  })
}
