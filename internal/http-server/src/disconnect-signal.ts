import type { ServerResponse } from 'node:http'
import { isDisconnected, onResponseClosed } from './on-response-closed.js'

/** Key of the signal of a response: it is created for its first reader. */
const SIGNAL = Symbol('signal of a disconnected caller')

type WatchedResponse = ServerResponse & { [SIGNAL]?: AbortSignal }

/** Returns the signal that aborts when the caller disconnects before the response is written. */
export function disconnectSignal(response: WatchedResponse): AbortSignal {
  const existing = response[SIGNAL]
  if (existing !== undefined) return existing
  const signal = createSignal(response)
  response[SIGNAL] = signal
  return signal
}

function createSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  onResponseClosed(response, () => {
    if (isDisconnected(response)) controller.abort()
  })
  return controller.signal
}
