import { expect, it } from 'vitest'
import { addApiKey, chat, send, serverKeys, temporaryFile, testGatewayProcess } from './support.js'

const VECTOR_KEYS = new URL('../../../internal/testing/src/vector-keys.mjs', import.meta.url).href

it('SIGHUP reloads the keys file, and SIGUSR2 creates the next server key', async () => {
  const file = temporaryFile('{"version":1,"keys":[]}')
  const gateway = await testGatewayProcess({
    args: ['--engine', 'demo', '--keys-file', file, '--key-lead', '1s'],
    env: { NODE_OPTIONS: `--import ${VECTOR_KEYS}` },
  })
  const key = await addApiKey(file)
  const status = async (): Promise<number> =>
    (await send(gateway, chat('x'), { authorization: `Bearer ${key}` })).status
  expect(await status()).toBe(401)
  gateway.kill('SIGHUP')
  await expect.poll(status).toBe(200)
  gateway.kill('SIGUSR2')
  await expect
    .poll(async () => (await fetch(`${gateway.url}/pki/public_key`)).text())
    .not.toBe(serverKeys.publicKey.pem)
})
