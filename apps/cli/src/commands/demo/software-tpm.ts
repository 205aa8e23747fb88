import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** A software TPM of its own process, with its state in a temporary folder. */
export interface SoftwareTpm {
  /** For `--tpm` of the gateway. */
  readonly address: string
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 5000
const POLL_MS = 20

/** Starts swtpm; undefined where it is not installed or does not start. */
export async function startSoftwareTpm(): Promise<SoftwareTpm | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'nomyo-demo-'))
  const path = join(folder, 'socket')
  const child = spawn(
    'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${folder}`],
      ...['--server', `type=unixio,path=${path}`, '--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise<'ended'>((resolve) => {
    child.once('error', () => {
      resolve('ended')
    })
    child.once('exit', () => {
      resolve('ended')
    })
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  const isReady = await Promise.race([ended, untilAccepting(path)])
  if (isReady === true) return { address: `unix://${path}`, stop }
  await stop()
  return undefined
}

async function untilAccepting(path: string): Promise<boolean> {
  const end = performance.now() + START_TIMEOUT_MS
  while (performance.now() < end) {
    if (await accepts(path)) return true
    await setTimeout(POLL_MS)
  }
  return false
}

const accepts = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('error', () => {
      resolve(false)
    })
    socket.once('connect', () => {
      socket.end()
      resolve(true)
    })
  })
