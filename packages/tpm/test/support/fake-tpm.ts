import { createServer, type Socket } from 'node:net'
import { listenOnLoopback } from '@nomyo-internal/testing'
import { onTestFinished } from 'vitest'
import { Writer } from '../../src/wire/writer.js'

/** Server behind a port: receives each command, and the number of commands before it. */
export type Behaviour = (socket: Socket, command: Uint8Array, earlier: number) => void

/** @returns its address, and a function that counts its connections */
export async function startFakeTpm(
  behave: Behaviour,
): Promise<{ address: string; connections: () => number }> {
  let commands = 0
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    // Commands are short and sent one by one: each arrives in one piece.
    socket.on('data', (command) => behave(socket, command, commands++))
  })
  const port = await listenOnLoopback(server)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { address: `tcp://127.0.0.1:${port}`, connections: () => connections }
}

/** A response without sessions. */
export function answer(code: number, body: Uint8Array = new Uint8Array()): Uint8Array {
  return new Writer()
    .u16(0x8001)
    .u32(10 + body.length)
    .u32(code)
    .raw(body)
    .toBytes()
}
