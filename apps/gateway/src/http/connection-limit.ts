import type { Server, Socket } from 'node:net'
import { clientNetwork } from '../access/client-network.js'

/**
 * Limits the connections of an address (IPv6: a /64) and closes further ones silently, so that one
 * client cannot use up `maxConnections`.
 */
export function limitConnectionsPerAddress(server: Server, limit: number): void {
  const counts = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const network = clientNetwork(socket.remoteAddress)
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
