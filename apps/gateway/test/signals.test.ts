import { writeFileSync } from 'node:fs'
import { until } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import {
  addApiKey,
  chat,
  logEntries,
  send,
  serverKeys,
  temporaryFile,
  testGatewayProcess,
} from './support.js'

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

it('SIGHUP reads the config file again, all or nothing, and says what changed', async () => {
  const file = temporaryFile('maxQueue: 7\n')
  const gateway = await testGatewayProcess({ args: ['--engine', 'demo', '--config', file] })
  const lines = (): Record<string, unknown>[] => logEntries(gateway.stderr())
  writeFileSync(file, 'tiers: { standard: { models: [other] } }\nunknown: 1\n')
  gateway.kill('SIGHUP')
  const failure = await until(() => lines().find(({ level }) => level === 50))
  expect(failure).toMatchObject({ code: 'ERR_CONFIG', detail: expect.stringContaining('unknown') })
  expect((await send(gateway)).status).toBe(200)
  writeFileSync(
    file,
    'maxQueue: 7\ntiers: { standard: { models: [other] } }\nport: 1\nmaxBody: 1MiB\n',
  )
  gateway.kill('SIGHUP')
  const success = await until(() => lines().find(({ changed }) => changed !== undefined))
  expect(success).toMatchObject({ level: 30, needsRestart: ['maxBody'] })
  expect(success['changed']).toEqual([expect.stringMatching(/^tiers/)])
  expect(success['msg']).toMatch(/^reloaded: tiers .*; a restart is needed for maxBody$/)
  expect((await send(gateway)).status).toBe(403)
  const { code } = await gateway.stop()
  expect(code).toBe(0)
})
