import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Recording } from './eavesdropper.js'

/** Stands on the wire between client and gateway, as a load balancer, CDN or logging proxy does. */
export interface WireTap {
  /** Where clients connect. */
  readonly url: string
  /** Everything that went by, as text. */
  readonly recorded: Recording
  /** Says where the gateway is; connections made earlier wait for it. */
  connectTo(port: number): void
  /** Changes one character of the ciphertext in the next answer. */
  tamperWithNextAnswer(): void
  close(): Promise<void>
}

/** What stands before the ciphertext of an envelope. */
const CIPHERTEXT_MARK = Buffer.from('"ciphertext":"')
const LOOPBACK = '127.0.0.1'

/** Starts a recording relay on loopback. */
export async function startWireTap(): Promise<WireTap> {
  const sockets = new Set<Socket>()
  let connectTo: (port: number) => void = () => undefined
  const gatewayPort = new Promise<number>((resolve) => {
    connectTo = resolve
  })
  const recorded = { toGateway: '', toClient: '' }
  let tampering = false

  const server = createServer((client) => {
    void gatewayPort.then((port) => {
      relay(client, connect(port, LOOPBACK))
    })
  })

  function relay(client: Socket, gateway: Socket): void {
    for (const socket of [client, gateway]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => undefined)
    }
    client.on('data', (bytes: Buffer) => {
      recorded.toGateway += bytes.toString('latin1')
      gateway.write(bytes)
    })
    gateway.on('data', (bytes: Buffer) => {
      const mark = tampering ? bytes.indexOf(CIPHERTEXT_MARK) : -1
      if (mark !== -1) {
        tampering = false
        replaceCharacter(bytes, mark + CIPHERTEXT_MARK.length)
      }
      recorded.toClient += bytes.toString('latin1')
      client.write(bytes)
    })
    client.on('close', () => gateway.destroy())
    gateway.on('close', () => client.destroy())
  }

  server.listen(0, LOOPBACK)
  await once(server, 'listening')
  return {
    url: `http://${LOOPBACK}:${String((server.address() as AddressInfo).port)}`,
    recorded,
    connectTo,
    tamperWithNextAnswer() {
      tampering = true
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Another letter of the base64 alphabet, so that only the seal can tell. */
function replaceCharacter(bytes: Buffer, position: number): void {
  bytes[position] = bytes[position] === 0x41 ? 0x42 : 0x41
}
