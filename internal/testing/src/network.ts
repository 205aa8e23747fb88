import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/**
 * Finds a free port of loopback. It is below the range from which systems assign ports themselves, so that
 * no other program gets it before the caller uses it.
 */
export async function freePort(): Promise<number> {
  const server = createServer()
  for (;;) {
    const port = randomInt(10_000, 32_768)
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    server.removeAllListeners('error')
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

/** Lets a server of any protocol listen on this or a free port of loopback, and returns the port. */
export async function listenOnLoopback(server: Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Starts an HTTP server on this or a free port of loopback. */
export async function startServer(
  listener: RequestListener,
  port?: number,
): Promise<{ readonly url: string; stop(): void }> {
  const server = createHttpServer(listener)
  const url = `http://127.0.0.1:${await listenOnLoopback(server, port)}`
  const stop = (): void => {
    server.closeAllConnections()
    server.close()
  }
  return { url, stop }
}

/** An address in front of other servers, as a load balancer of TCP has it. */
export interface Forwarder {
  readonly port: number
  /** Where connections go from now on; those that exist stay where they are. */
  target: number
  /** Connections that exist. */
  readonly connections: number
  stop(): void
}

/** Starts a {@link Forwarder} on a free port of loopback. */
export async function startForwarder(target: number): Promise<Forwarder> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(forwarder.target, '127.0.0.1')
    sockets.add(near)
    near.pipe(far).pipe(near)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => undefined)
      one.on('close', () => {
        other.destroy()
        sockets.delete(near)
      })
    }
  })
  const port = await listenOnLoopback(server)
  const forwarder: Forwarder = {
    port,
    target,
    get connections() {
      return sockets.size
    },
    stop: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
  return forwarder
}
