import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keyFile } from '@nomyo-internal/testing/vectors'
import { environment } from './run.js'

/** A gateway as it was installed, with its demo engine. */
export interface Gateway {
  readonly url: string
  stop(): Promise<void>
}

/**
 * Starts the command `nomyo-gateway` of a project, on a free port, with a key of the vectors: reading
 * one is much quicker than making one.
 */
export async function startGateway(project: string, args: readonly string[]): Promise<Gateway> {
  const program = join(project, 'node_modules/.bin/nomyo-gateway')
  const keyDir = await mkdtemp(join(project, 'keys-'))
  const key = keyFile('keys/server.private.pem')
  await writeFile(join(keyDir, 'private_key.pem'), key, { mode: 0o600 })
  const given = ['--engine', 'demo', '--port', '0', '--key-dir', keyDir, ...args]
  const child = spawn(program, given, { cwd: project, env: environment() })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const ended = once(child, 'close')
  for (;;) {
    const url = /^listening on (\S+)$/m.exec(output)?.[1]
    if (url !== undefined) {
      const stop = async (): Promise<void> => {
        child.kill('SIGTERM')
        await ended
      }
      return { url, stop }
    }
    if (child.exitCode !== null) throw new Error(`the gateway did not start: ${output}`)
    await Promise.race([once(child.stdout, 'data'), ended])
  }
}
