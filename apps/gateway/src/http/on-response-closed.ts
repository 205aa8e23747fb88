import type { IncomingMessage, ServerResponse } from 'node:http'

/** Where a response keeps whom to tell, so that one pair of listeners serves everybody. */
const TO_TELL = Symbol('to tell when over')

type Watched = ServerResponse & { [TO_TELL]?: (() => void)[] }

/**
 * Calls once, when an answer was written or its caller has gone; at once where it is over already.
 * Who asks first is told first.
 */
export function whenOver(request: IncomingMessage, response: Watched, tell: () => void): void {
  if (isOver(request, response)) tell()
  else if (response[TO_TELL] !== undefined) response[TO_TELL].push(tell)
  else watch(request, response, (response[TO_TELL] = [tell]))
}

/** Whether an answer was written, or nobody is there to take it. */
export function isOver({ socket }: IncomingMessage, response: ServerResponse): boolean {
  return response.closed || socket.destroyed
}

/**
 * `close` of the response alone does not tell: it never comes for a request that waited behind
 * another one on its connection when that ended.
 */
function watch(
  { socket }: IncomingMessage,
  response: ServerResponse,
  toTell: (() => void)[],
): void {
  const over = (): void => {
    response.off('close', over)
    socket.off('close', over)
    // A connection that ends tells both; a listener taken away while it does is called all the same.
    for (const tell of toTell.splice(0)) tell()
  }
  // As many as requests wait in line.
  socket.setMaxListeners(0)
  response.on('close', over)
  socket.on('close', over)
}
