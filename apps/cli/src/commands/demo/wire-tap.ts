import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import type { Recording } from './eavesdropper.js'

/** A relay between client and gateway that records, where a load balancer, CDN or logging proxy stands. */
export interface WireTap {
  /** URL that clients connect to. */
  readonly url: string
  /** All relayed bytes, as text. */
  readonly recorded: Recording
  /** Sets the port of the gateway; earlier connections wait for it. */
  connectTo(port: number): void
  /** Begins a new recording. */
  forget(): void
  /** Flips one bit of the ciphertext in the next answer. */
  tamperWithNextAnswer(): void
  /** From now on answers requests for the key statement of wire 2 as a gateway without wire 2 does. */
  denyWire2(): void
  close(): Promise<void>
}

/** Offset in the body of an answer that no framing of HTTP reaches, and that the nonce of the answer does. */
const TAMPERED_OFFSET = 12
const LOOPBACK = '127.0.0.1'
const NOT_FOUND =
  'HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'

/** Starts a recording relay on loopback. */
export async function startWireTap(): Promise<WireTap> {
  const sockets = new Set<Socket>()
  let connectTo: (port: number) => void = () => undefined
  const gatewayPort = new Promise<number>((resolve) => {
    connectTo = resolve
  })
  const recorded = { toGateway: '', toClient: '' }
  let tampering = false
  let denying = false
  /** Bytes from the gateway since tampering was requested. */
  let received = ''

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
      const text = bytes.toString('latin1')
      recorded.toGateway += text
      if (denying && text.startsWith('GET /pki/wire2 ')) {
        recorded.toClient += NOT_FOUND
        client.write(NOT_FOUND)
      } else gateway.write(bytes)
    })
    gateway.on('data', (bytes: Buffer) => {
      if (tampering) {
        received += bytes.toString('latin1')
        const position = tamperedPosition(received)
        const index = position === undefined ? -1 : bytes.length - (received.length - position)
        const byte = bytes[index]
        if (byte !== undefined) {
          tampering = false
          bytes[index] = byte ^ 1
        }
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
    url: `http://${LOOPBACK}:${(server.address() as AddressInfo).port}`,
    recorded,
    connectTo,
    forget() {
      recorded.toGateway = recorded.toClient = ''
    },
    tamperWithNextAnswer() {
      tampering = true
      received = ''
    },
    denyWire2() {
      denying = true
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Finds the byte of an answer to change, once it has arrived. */
function tamperedPosition(received: string): number | undefined {
  const type = received.toLowerCase().indexOf(`content-type: ${MEDIA_TYPES.answer}`)
  const end = type === -1 ? -1 : received.indexOf('\r\n\r\n', type)
  const position = end + 4 + TAMPERED_OFFSET
  return end === -1 || position >= received.length ? undefined : position
}
