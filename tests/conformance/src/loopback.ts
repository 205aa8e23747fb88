import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { importPrivateKey } from '@nomyo/crypto'
import { saveKeyPair } from '@nomyo/crypto/keys/node'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { startFaultServer, unusedUrl } from './local-servers.js'
import type { Loopback } from './suites/loopback.js'

/** Starts what the suites talk to: the built gateway in a process of its own, and a faulty server. */
export async function startLoopback(
  folder: string,
  pageOrigin: string,
): Promise<{ loopback: Loopback; stop: () => void }> {
  const [server, other] = await Promise.all([
    importPrivateKey(keyPem('keys/server.private.pem'), { extractable: true }),
    importPrivateKey(keyPem('keys/other.private.pem')),
  ])
  const keyDir = join(folder, 'gateway-keys')
  await saveKeyPair(keyDir, server)
  const apiKey = 'key-of-the-suite'
  const [gateway, faults] = await Promise.all([
    startGateway(apiKey, ['--key-dir', keyDir, '--cors-origin', pageOrigin]),
    startFaultServer(),
  ])
  return {
    loopback: {
      gateway: gateway.url,
      apiKey,
      pin: server.publicKey.fingerprint,
      otherPin: other.publicKey.fingerprint,
      faults: faults.url,
      nowhere: await unusedUrl(),
    },
    stop: () => {
      gateway.stop()
      faults.close()
    },
  }
}

async function startGateway(
  apiKey: string,
  options: readonly string[],
): Promise<{ url: string; stop: () => void }> {
  const folder = dirname(createRequire(import.meta.url).resolve('@nomyo/gateway/package.json'))
  const child = spawn(
    process.execPath,
    [
      join(folder, 'dist/main.js'),
      ...['--engine=demo', '--port=0', '--rate-limit=off', '--log-level=warn'],
      ...options,
    ],
    {
      env: { PATH: process.env['PATH'], NOMYO_API_KEY: apiKey },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  // Also when this process ends before its time.
  const stop = (): void => void child.kill()
  process.once('exit', stop)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      if (text.length < 10_000) text += part
    })
  }
  const url = (): string | undefined => /^listening on (\S+)$/m.exec(text)?.[1]
  while (url() === undefined) {
    if (child.exitCode !== null) throw new Error(`the gateway did not start: ${text}`)
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  }
  return { url: url() ?? '', stop }
}
