import { platform } from '#platform'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { platform as neutral } from '../src/platform/neutral.js'
import { startTestServer, completeOnce } from './support.js'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('requests go', () => {
  it('by the send function of the connections that are opened in Node', async () => {
    const server = await startTestServer()
    const opened = platform.openConnections()
    const send = vi.fn(opened.send)
    vi.spyOn(platform, 'openConnections').mockReturnValue({ ...opened, send })
    await completeOnce({ baseUrl: server.url })
    expect(send.mock.calls.map(([url]) => new URL(url).pathname)).toEqual([
      '/pki/wire2',
      '/pki/public_key',
      '/v1/chat/secure_completion',
    ])
  })

  it("over the platform's fetch elsewhere", async () => {
    const server = await startTestServer()
    vi.spyOn(platform, 'openConnections').mockImplementation(neutral.openConnections)
    const fetched = vi.spyOn(globalThis, 'fetch')
    await completeOnce({ baseUrl: server.url })
    expect(fetched).toHaveBeenCalledTimes(3)
  })

  it('over a fetch that is given, and no connections are opened', async () => {
    const server = await startTestServer()
    const open = vi.spyOn(platform, 'openConnections')
    const given = vi.fn(fetch)
    await completeOnce({ baseUrl: server.url, fetch: given })
    expect(given).toHaveBeenCalledTimes(3)
    expect(open).not.toHaveBeenCalled()
  })
})
