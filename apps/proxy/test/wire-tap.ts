import { connect, createServer, type Socket } from 'node:net'
import { listenOnLoopback } from '@nomyo-internal/testing'

/** A relay on the network path to a gateway that records all bytes. */
export interface WireTap {
  readonly url: string
  readonly recorded: { toGateway: string; toProxy: string }
  /** Changes a bit of every answer from now on. */
  change(): void
  stop(): void
}

/** Starts a {@link WireTap} before a gateway on loopback. */
export async function startWireTap(gateway: string): Promise<WireTap> {
  const recorded = { toGateway: '', toProxy: '' }
  const sockets = new Set<Socket>()
  let changes = false
  const server = createServer((near) => {
    const far = connect(Number(new URL(gateway).port), '127.0.0.1')
    for (const [from, to, name] of [
      [near, far, 'toGateway'],
      [far, near, 'toProxy'],
    ] as const) {
      sockets.add(from)
      from.on('error', () => undefined)
      from.on('close', () => to.destroy())
      from.on('data', (bytes: Buffer) => {
        recorded[name] += bytes.toString('latin1')
        // Far from the framing of HTTP at both ends.
        const middle = bytes.length >> 1
        if (changes && from === far) bytes[middle] = (bytes[middle] ?? 0) ^ 1
        to.write(bytes)
      })
    }
  })
  return {
    url: `http://127.0.0.1:${await listenOnLoopback(server)}`,
    recorded,
    change: () => {
      changes = true
    },
    stop: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
