import type { ServerResponse } from 'node:http'
import { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { whenOver } from './on-response-closed.js'

/**
 * Makes a server that closes hang up: at once where no request is in flight, else after the answer.
 * By itself Node waits for connections that have not said anything yet, and keeps those alive that
 * were busy when closing began.
 */
export function hangUpWhenClosing(server: FastifyInstance): void {
  const inFlight = new Map<Socket, number>()
  let closing = false
  const count = (socket: Socket, change: number): void => {
    const requests = inFlight.get(socket)
    if (requests === undefined) return
    inFlight.set(socket, requests + change)
    if (closing && requests + change === 0) socket.end()
  }
  // With TLS, requests come by the socket that there is after the handshake.
  const event = server.server instanceof TlsServer ? 'secureConnection' : 'connection'
  server.server.on(event, (socket: Socket) => {
    if (closing) {
      socket.destroy()
      return
    }
    inFlight.set(socket, 0)
    socket.once('close', () => inFlight.delete(socket))
  })
  server.server.on('request', ({ socket }, response: ServerResponse) => {
    count(socket, 1)
    response.once('close', () => {
      count(socket, -1)
    })
  })
  server.addHook('preClose', (done) => {
    closing = true
    for (const [socket, requests] of inFlight) if (requests === 0) socket.destroy()
    done()
  })
}

/**
 * Ends connections whose caller takes longer than this to take an answer. Node itself waits for ever,
 * with the answer in memory and the request in flight.
 */
export function hangUpOnSlowReaders(server: FastifyInstance, timeoutMs: number): void {
  server.addHook('onSend', (request, { raw }, _payload, done) => {
    let timer: NodeJS.Timeout | undefined
    const start = (): void => {
      timer = setTimeout(() => raw.destroy(), timeoutMs)
    }
    // One that waits in line behind another has no socket yet: that is not its caller's slowness.
    if (raw.socket === null) raw.once('socket', start)
    else start()
    whenOver(request.raw, raw, () => {
      clearTimeout(timer)
    })
    done()
  })
}
