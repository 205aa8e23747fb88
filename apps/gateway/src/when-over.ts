import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Calls once, when an answer was written or its caller has gone. `close` of the response alone does
 * not tell: it never comes for a request that waited behind another one on its connection when that
 * ended.
 */
export function whenOver(
  { socket }: IncomingMessage,
  response: ServerResponse,
  tell: () => void,
): void {
  let told = false
  const over = (): void => {
    // A connection that ends tells both; a listener taken away while it does is called all the same.
    if (told) return
    told = true
    response.off('close', over)
    socket.off('close', over)
    tell()
  }
  if (response.closed || socket.destroyed) {
    tell()
    return
  }
  // As many as requests wait in line.
  socket.setMaxListeners(0)
  response.on('close', over)
  socket.on('close', over)
}
