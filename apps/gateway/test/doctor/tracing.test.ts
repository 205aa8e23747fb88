import { expect, it } from 'vitest'
import { testReceiver } from '../otlp/receiver.js'
import { diagnose, statusesOf, textOf } from './diagnose.js'

const DEMO = ['--engine', 'demo', '--port', '0']

it('checks that the receiver of traces accepts them, and sends none', async () => {
  expect(statusesOf(await diagnose(DEMO), 'traces')).toEqual([])
  const receiver = await testReceiver()
  const fine = await diagnose([...DEMO, '--otlp-endpoint', receiver.url])
  expect(statusesOf(fine, 'traces')).toEqual(['ok'])
  expect(receiver.requests.map(({ path }) => path)).toEqual(['/v1/traces'])
  expect(receiver.spans).toEqual([])
})

it('warns of a receiver that refuses, and of one that is away', async () => {
  const receiver = await testReceiver()
  receiver.answer = (response) => response.writeHead(401).end('canary')
  const refused = await diagnose([...DEMO, '--otlp-endpoint', receiver.url])
  expect(statusesOf(refused, 'traces')).toEqual(['warning'])
  expect(textOf(refused, 'traces')).toContain('(401)')
  expect(refused.text).not.toContain('canary')
})
