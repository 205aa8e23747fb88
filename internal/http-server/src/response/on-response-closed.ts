import type { ServerResponse } from 'node:http'

/** Key of the listeners of a response: one pair of event listeners serves all of them. */
const LISTENERS = Symbol('listeners for the end of the response')

type WatchedResponse = ServerResponse & { [LISTENERS]?: (() => void)[] }

/**
 * Calls the listener once, when the response is written or its connection is closed; at once where
 * that has happened. Listeners are called in the order in which they were added.
 */
export function onResponseClosed(response: WatchedResponse, listener: () => void): void {
  if (isClosed(response)) listener()
  else if (response[LISTENERS] !== undefined) response[LISTENERS].push(listener)
  else watch(response, (response[LISTENERS] = [listener]))
}

/** Checks whether the connection closed before the response was written. */
export const isDisconnected = (response: ServerResponse): boolean =>
  isClosed(response) && !response.writableFinished

const isClosed = (response: ServerResponse): boolean =>
  response.closed || response.req.socket.destroyed

/**
 * Watches the connection too: a response that waits behind another one on its connection emits no
 * `close` when that connection ends.
 */
function watch(response: ServerResponse, listeners: (() => void)[]): void {
  const { socket } = response.req
  const notify = (): void => {
    response.off('close', notify)
    socket.off('close', notify)
    // A closing connection emits both events, and still calls a listener that is removed meanwhile.
    for (const listener of listeners.splice(0)) listener()
  }
  // One listener for each pipelined request is no leak.
  socket.setMaxListeners(0)
  response.on('close', notify)
  socket.on('close', notify)
}
