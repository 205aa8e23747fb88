import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keyFile } from '@nomyo-internal/testing/vectors'

const MAIN = fileURLToPath(new URL('../../gateway/dist/main.js', import.meta.url))

/** A built gateway that serves the page. */
export interface GatewayProcess {
  readonly url: string
  /** All of standard output and standard error so far. */
  output(): string
  stop(): Promise<void>
}

/** Starts one on a free port, with a key of the vectors: reading one is much quicker than making one. */
export async function startGateway(
  args: readonly string[] = ['--engine', 'demo'],
  options: { readonly rateLimit?: string; readonly port?: number; readonly key?: string } = {},
): Promise<GatewayProcess> {
  const { rateLimit = 'off', port = 0, key = 'server' } = options
  const keyDir = await mkdtemp(join(tmpdir(), 'nomyo-web-'))
  await chmod(keyDir, 0o700)
  await writeFile(join(keyDir, 'private_key.pem'), keyFile(`keys/${key}.private.pem`), {
    mode: 0o600,
  })
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('NOMYO_'))
  const given = ['--web', '--port', String(port), '--key-dir', keyDir, '--rate-limit', rateLimit]
  const child = spawn(process.execPath, [MAIN, ...given, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: Object.fromEntries(inherited),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const ended = once(child, 'close').then(() => rm(keyDir, { recursive: true, force: true }))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const lastResort = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(lastResort)
  }
  for (;;) {
    const url = /^listening on (\S+)$/m.exec(output)?.[1]
    if (url !== undefined) return { url, output: () => output, stop }
    if (child.exitCode !== null) throw new Error(`the gateway did not start: ${output}`)
    await Promise.race([once(child.stdout, 'data'), ended])
  }
}
