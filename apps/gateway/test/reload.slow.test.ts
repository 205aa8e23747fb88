import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import {
  logEntries,
  send,
  statusOf,
  temporaryFile,
  testGatewayProcess,
  testModelServer,
} from './support.js'

const SECONDS = 8

it('reloads under load lose no request, whether they succeed or fail', async () => {
  const servers = [await testModelServer(), await testModelServer()]
  const listed = servers.map(({ url }, at) => `{ name: s${at}, url: '${url}' }`)
  const contents = [
    `upstreams: [${listed.join(', ')}]\n`,
    `upstreams: [${listed[0]}]\nmaxQueue: 100\n`,
    `upstreams: [${listed[1]}]\nmaxRequests: 400\n`,
    `upstreams: [${listed[0]}]\nunknown: 1\n`,
    'upstreams: [',
    '',
  ]
  const file = temporaryFile(contents[0] ?? '', 'gateway.yaml')
  const gateway = await testGatewayProcess({ args: ['--config', file] })
  let running = true
  const statuses: number[] = []
  const callers = Array.from({ length: 4 }, async () => {
    while (running) statuses.push(await statusOf(send(gateway)))
  })
  const end = performance.now() + 1000 * SECONDS
  for (let turn = 0; performance.now() < end; turn++) {
    writeFileSync(file, contents[turn % contents.length] ?? '')
    gateway.kill('SIGHUP')
    await sleep(60)
  }
  running = false
  await Promise.all(callers)
  expect(statuses.length).toBeGreaterThan(50)
  expect(statuses.filter((status) => status !== 200)).toEqual([])
  for (const { seen } of servers) expect(seen.length).toBeGreaterThan(10)
  // The last file decides.
  writeFileSync(file, contents[2] ?? '')
  gateway.kill('SIGHUP')
  await until(async () => {
    const before = servers[1]?.seen.length ?? 0
    expect(await statusOf(send(gateway))).toBe(200)
    return (servers[1]?.seen.length ?? 0) > before
  })
  const messages = logEntries<{ msg: string }>(gateway.stderr()).map(({ msg }) => msg)
  expect(messages.filter((msg) => msg.startsWith('reloaded: ')).length).toBeGreaterThan(5)
  expect(messages.filter((msg) => msg.startsWith('the reload failed')).length).toBeGreaterThan(5)
  expect((await gateway.stop()).code).toBe(0)
})
