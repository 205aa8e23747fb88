import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '@nomyo-internal/testing'
import { chat, post, runCommand, seal, serverKeys, testGatewayProcess } from './support.js'

const VECTOR_KEYS = new URL('../../../internal/testing/src/vector-keys.mjs', import.meta.url).href

it('SIGHUP reloads the keys file, and SIGUSR2 creates the next server key', async () => {
  const file = join(temporaryFolder(), 'keys.json')
  await writeFile(file, '{"version":1,"keys":[]}')
  const gateway = await testGatewayProcess({
    args: ['--engine', 'demo', '--keys-file', file, '--key-lead', '1s'],
    env: { NODE_OPTIONS: `--import ${VECTOR_KEYS}` },
  })
  const key = (await runCommand(['keys', 'add', '--keys-file', file])).stdout.trim()
  const status = async (): Promise<number> =>
    (await post(gateway, await seal(chat('x')), { authorization: `Bearer ${key}` })).status
  expect(await status()).toBe(401)
  gateway.kill('SIGHUP')
  await expect.poll(status).toBe(200)
  gateway.kill('SIGUSR2')
  await expect
    .poll(async () => (await fetch(`${gateway.url}/pki/public_key`)).text())
    .not.toBe(serverKeys.publicKey.pem)
})
