import { expect, it } from 'vitest'
import { testKeyRedis } from '../redis.js'
import { keyConfigOf, openInner, postSealed, sealMessage } from './client.js'

const API_KEY = 'an-api-key-for-replays'

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

it('a copy counts against no limit of its caller, also where Redis alone decides', async () => {
  const shared = await testKeyRedis()
  await shared.putKey(1)
  const gateway = await shared.start(
    '--request-keys',
    'redis',
    '--api-key',
    API_KEY,
    '--rate-limit',
    '2/s',
  )
  const config = await keyConfigOf(gateway)
  const request = () => sealMessage(config, { fields: { authorization: `Bearer ${API_KEY}` } })
  const [first, second] = [await request(), await request()]
  expect((await postSealed(gateway, first.body)).status).toBe(200)
  const copies = await Promise.all(Array.from({ length: 5 }, () => postSealed(gateway, first.body)))
  expect(copies.map(({ status }) => status)).toEqual(copies.map(() => 200))
  const answer = await postSealed(gateway, second.body)
  expect((await openInner(answer, second.openAnswer())).status).toBe(200)
})
