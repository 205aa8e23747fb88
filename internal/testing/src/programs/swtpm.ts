import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../network.js'
import { endProcess, untilAccepting } from './listening.js'

/** A software TPM of its own, with its state in a temporary folder. */
export interface Swtpm {
  /** For `new Tpm(address)`. */
  readonly address: string
  start(): Promise<void>
  /** Ends it; its state is kept for the next start. */
  kill(): Promise<void>
  /** Corresponds to a power cycle of a machine. */
  restart(): Promise<void>
  /** Ends it and removes its state. */
  stop(): Promise<void>
}

export interface SwtpmOptions {
  readonly over?: 'unix' | 'tcp'
  /** The only PCR banks. Default: all. */
  readonly banks?: string
  /** Leaves TPM2_Startup to the first client. */
  readonly notStarted?: boolean
}

/** Starts a {@link Swtpm}. */
export async function startSwtpm(options: SwtpmOptions = {}): Promise<Swtpm> {
  const port = options.over === 'tcp' ? await freePort() : undefined
  const tpm = makeSwtpm(options, port)
  await tpm.start()
  return tpm
}

/** Prepares a {@link Swtpm} that does not run yet; behind a socket file, or on this port. */
export function makeSwtpm({ banks, notStarted }: SwtpmOptions = {}, port?: number): Swtpm {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-swtpm-'))
  if (banks !== undefined) {
    const setup = ['--tpm2', '--tpm-state', folder, '--pcr-banks', banks]
    execFileSync('swtpm_setup', setup, { stdio: 'ignore' })
  }
  const path = join(folder, 'socket')
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    rmSync(path, { force: true })
    child = spawn('swtpm', [
      ...['socket', '--tpm2', '--tpmstate', `dir=${folder}`, '--server'],
      port === undefined ? `type=unixio,path=${path}` : `type=tcp,port=${port},bindaddr=127.0.0.1`,
      ...['--flags', notStarted === true ? 'not-need-init' : 'not-need-init,startup-clear'],
    ])
    await untilAccepting(port === undefined ? { path } : { host: '127.0.0.1', port }, child)
  }
  const kill = (): Promise<void> => endProcess(child)
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
