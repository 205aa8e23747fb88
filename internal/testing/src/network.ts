import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'

/** Finds a port of loopback that is free at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listenOnLoopback(server)
  server.close()
  await once(server, 'close')
  return port
}

/** Lets a server of any protocol listen on a free port of loopback, and returns the port. */
export async function listenOnLoopback(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
