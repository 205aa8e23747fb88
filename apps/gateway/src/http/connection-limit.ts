import type { Server, Socket } from 'node:net'
import { networkOf } from '../access/client-network.js'

/**
 * Closes connections of an address (IPv6: a /64) beyond so many, without a word: one caller alone
 * cannot take every place that `maxConnections` has.
 */
export function limitConnectionsPerAddress(server: Server, limit: number): void {
  const counts = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const network = networkOf(socket.remoteAddress)
    const count = counts.get(network) ?? 0
    if (count >= limit) {
      socket.destroy()
      return
    }
    counts.set(network, count + 1)
    socket.once('close', () => {
      const left = (counts.get(network) ?? 0) - 1
      if (left > 0) counts.set(network, left)
      else counts.delete(network)
    })
  })
}
