import { expect, it } from 'vitest'
import { testKeyRedis } from '../redis.js'
import { keyConfigOf, openInner, postSealed, sealMessage } from './client.js'

it('gateways that share request keys refuse the replays of each other, also after a restart', async () => {
  const shared = await testKeyRedis()
  await shared.putKey(1)
  const start = () => shared.start('--request-keys', 'redis')
  const [one, other] = [await start(), await start()]
  const config = await keyConfigOf(one)
  expect(await keyConfigOf(other)).toEqual(config)
  const [first, second] = [await sealMessage(config), await sealMessage(config)]
  expect((await postSealed(one, first.body)).status).toBe(200)
  const replay = await postSealed(other, first.body)
  expect((await openInner(replay, first.openAnswer())).status).toBe(409)
  expect((await postSealed(other, second.body)).status).toBe(200)
  await one.stop()
  await other.stop()
  const restarted = await start()
  const late = await postSealed(restarted, second.body)
  expect((await openInner(late, second.openAnswer())).status).toBe(409)
  expect(await shared.client.keys('nomyo:replay:enc:*')).toHaveLength(2)
})
