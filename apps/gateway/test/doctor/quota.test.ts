import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '@nomyo-internal/testing'
import { addApiKey } from '../support.js'
import { diagnose, statusesOf } from './diagnose.js'

const DEMO = ['--engine', 'demo', '--port', '0']
const KEY = ['--api-key', 'test-key-of-16-characters']

it('warns that quotas without Redis do not outlast the process', async () => {
  const none = await diagnose([...DEMO, ...KEY])
  expect(statusesOf(none, 'API keys')).toEqual(['ok'])
  const general = await diagnose([...DEMO, ...KEY, '--quota-tokens', '1M/month'])
  expect(statusesOf(general, 'API keys')).toEqual(['ok', 'warning'])
  const shared = ['--redis', 'redis://127.0.0.1:1', '--redis-failure', 'degrade']
  const redis = await diagnose([...DEMO, ...KEY, '--quota-tokens', '1M/month', ...shared])
  expect(statusesOf(redis, 'API keys')).toEqual(['ok', 'ok'])
})

it('reads the quotas of a keys file', async () => {
  const keysFile = join(temporaryFolder(), 'keys.json')
  await addApiKey(keysFile, '--quota-requests', 'off')
  const start = [...DEMO, '--keys-file', keysFile]
  expect(statusesOf(await diagnose(start), 'API keys')).toEqual(['ok'])
  await addApiKey(keysFile, '--quota-requests', '5/day')
  expect(statusesOf(await diagnose(start), 'API keys')).toEqual(['ok', 'warning'])
})
