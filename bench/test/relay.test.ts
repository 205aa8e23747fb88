import { expect, it } from 'vitest'
import { countRequests } from '../src/call/count-requests.js'

const REQUEST = 'POST /v1 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}'

it('requests are counted wherever the bytes are cut', () => {
  const bytes = Buffer.from(REQUEST.repeat(3))
  for (let cut = 1; cut < bytes.length; cut++) {
    const seen = countRequests()
    expect(seen(bytes.subarray(0, cut)) + seen(bytes.subarray(cut))).toBe(3)
  }
  const seen = countRequests()
  const oneByOne = [...bytes].map((byte) => seen(Buffer.of(byte)))
  expect(oneByOne.reduce((sum, count) => sum + count, 0)).toBe(3)
})

it('bodies are not counted', () => {
  const body = JSON.stringify({ text: 'HTTP/1.1\r\n' })
  expect(countRequests()(Buffer.from(body))).toBe(0)
})
