import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Recording } from './eavesdropper.js'

/** A relay between client and gateway that records, where a load balancer, CDN or logging proxy stands. */
export interface WireTap {
  /** URL that clients connect to. */
  readonly url: string
  /** All relayed bytes, as text. */
  readonly recorded: Recording
  /** Sets the port of the gateway; earlier connections wait for it. */
  connectTo(port: number): void
  /** Changes one character of the ciphertext in the next answer. */
  tamperWithNextAnswer(): void
  close(): Promise<void>
}

/** Bytes in front of the ciphertext of an envelope. */
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
    url: `http://${LOOPBACK}:${(server.address() as AddressInfo).port}`,
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

/** Replaces a letter by another of the base64 alphabet, which only authenticated decryption detects. */
function replaceCharacter(bytes: Buffer, position: number): void {
  bytes[position] = bytes[position] === 0x41 ? 0x42 : 0x41
}
