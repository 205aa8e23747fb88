import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Whether there is a software TPM: live tests are skipped where there is none. */
export const swtpmFound = isSwtpmInstalled()

/** A software TPM of its own, with an empty state in a temporary folder. */
export interface Swtpm {
  /** For `new Tpm(address)`. */
  readonly address: string
  start(): Promise<void>
  /** Ends it; its state is kept for the next start. */
  kill(): Promise<void>
  /** What a power cycle is to a machine. */
  restart(): Promise<void>
  /** Ends it and removes its state. */
  stop(): Promise<void>
}

export interface SwtpmOptions {
  readonly over?: 'unix' | 'tcp'
  /** Only these PCR banks; all there are, if left out. */
  readonly banks?: string
  /** Leaves TPM2_Startup to whoever comes first. */
  readonly notStarted?: boolean
}

/** A software TPM that runs. */
export async function startSwtpm(options: SwtpmOptions = {}): Promise<Swtpm> {
  const port = options.over === 'tcp' ? await freePort() : undefined
  const tpm = makeSwtpm(options, port)
  await tpm.start()
  return tpm
}

/** A software TPM that is not running yet; behind a socket file, or on this port. */
export function makeSwtpm(options: SwtpmOptions = {}, port?: number): Swtpm {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-swtpm-'))
  if (options.banks !== undefined) {
    const setup = ['--tpm2', '--tpm-state', folder, '--pcr-banks', options.banks]
    execFileSync('swtpm_setup', setup, { stdio: 'ignore' })
  }
  const path = join(folder, 'socket')
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    rmSync(path, { force: true })
    child = spawn('swtpm', [
      ...['socket', '--tpm2', '--tpmstate', `dir=${folder}`, '--server'],
      port === undefined ? `type=unixio,path=${path}` : `type=tcp,port=${port},bindaddr=127.0.0.1`,
      ...['--flags', options.notStarted === true ? 'not-need-init' : 'not-need-init,startup-clear'],
    ])
    await untilListening(port === undefined ? { path } : { host: '127.0.0.1', port }, child)
  }
  const kill = async (): Promise<void> => {
    if (child !== undefined) await end(child)
  }
  return {
    address: port === undefined ? `unix://${path}` : `tcp://127.0.0.1:${port}`,
    start,
    kill,
    async restart() {
      await kill()
      await start()
    },
    async stop() {
      await kill()
      rmSync(folder, { recursive: true })
    },
  }
}

function isSwtpmInstalled(): boolean {
  try {
    execFileSync('swtpm', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function untilListening(
  where: { path: string } | { host: string; port: number },
  child: ChildProcess,
): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`swtpm ended with ${child.exitCode}`)
    const socket = createConnection(where)
    const connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (connected) return
    await delay(25)
  }
  child.kill()
  throw new Error('swtpm did not listen within 5 s')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill()
  await exited
}
