import { createConnection, createServer, type Socket } from 'node:net'
import { listenOnLoopback } from '@nomyo-internal/testing'

/** A listener that poses as a TPM, or forwards to one. */
export interface Line {
  readonly address: string
  /** Commands so far. */
  readonly commands: number
  /** Connections at this moment. */
  readonly open: number
  /** Incoming commands are neither forwarded nor answered. */
  silent: boolean
  /** Delay of each command. */
  delayMs: number
  close(): void
}

/** A line to the TPM at `unix:///path`. */
export function startLineTo(tpmAddress: string): Promise<Line> {
  return startLine((socket, line) => {
    const tpm = createConnection({ path: tpmAddress.slice('unix://'.length) })
    tpm.on('error', () => undefined)
    tpm.on('data', (answer) => socket.write(answer))
    tpm.on('close', () => socket.destroy())
    socket.on('close', () => tpm.destroy())
    socket.on('data', (command) => {
      if (line.silent) return
      setTimeout(() => tpm.write(command), line.delayMs)
    })
  })
}

/** No TPM: every command gets these bytes as its answer. */
export function startFakeTpm(answer: Uint8Array): Promise<Line> {
  return startLine((socket) => socket.on('data', () => socket.write(answer)))
}

async function startLine(connected: (socket: Socket, line: Line) => void): Promise<Line> {
  let commands = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    // Commands are short and sent one by one: each comes in one piece.
    socket.on('data', () => commands++)
    connected(socket, line)
  })
  const line: Line = {
    address: `tcp://127.0.0.1:${await listenOnLoopback(server)}`,
    get commands() {
      return commands
    },
    get open() {
      return sockets.size
    },
    silent: false,
    delayMs: 0,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
  return line
}
