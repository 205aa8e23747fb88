import type { ServerResponse } from 'node:http'
import { isDisconnected, onResponseClosed } from './on-response-closed.js'

/** Creates a signal that aborts when the caller disconnects before the response is written. */
export function disconnectSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  onResponseClosed(response, () => {
    if (isDisconnected(response)) controller.abort()
  })
  return controller.signal
}
