import { once } from 'node:events'
import type { Server } from 'node:net'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** A connection of this test, and everything received on it. */
export interface Connection {
  readonly socket: Socket
  received(): string
}

/** Opens a connection to a server that listens. */
export async function connectTo(server: Server, allowHalfOpen = false): Promise<Connection> {
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen })
  onTestFinished(() => void socket.destroy())
  let received = ''
  socket.setEncoding('utf8').on('data', (text: string) => (received += text))
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return { socket, received: () => received }
}
