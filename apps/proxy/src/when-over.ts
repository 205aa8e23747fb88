import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Does something once, when a response is over: written, or its connection gone; at once where it is
 * already. The `close` of the response is not enough: one that waits for its turn (pipelining) has
 * none when the connection goes.
 */
export function whenOver(
  { socket }: IncomingMessage,
  response: ServerResponse,
  action: () => void,
): void {
  if (response.closed || socket.destroyed) {
    action()
    return
  }
  let isOver = false
  const over = (): void => {
    // The socket's `close` makes the response's, and still calls who was removed meanwhile.
    if (isOver) return
    isOver = true
    response.off('close', over)
    socket.off('close', over)
    action()
  }
  response.once('close', over)
  // As many listeners as there are requests in line are no leak.
  socket.setMaxListeners(0).once('close', over)
}
