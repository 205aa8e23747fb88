import { describe, expect, it } from 'vitest'
import { endpointUrl, parseBaseUrl } from '../src/endpoint.js'
import { InvalidRequestError } from '../src/errors.js'

describe('a base URL', () => {
  it.each([
    ['https://api.nomyo.ai', 'https://api.nomyo.ai/key'],
    ['https://api.nomyo.ai/', 'https://api.nomyo.ai/key'],
    ['https://api.nomyo.ai////', 'https://api.nomyo.ai/key'],
    ['https://api.nomyo.ai/a/b', 'https://api.nomyo.ai/a/b/key'],
    ['https://api.nomyo.ai/a/b//', 'https://api.nomyo.ai/a/b/key'],
    ['https://api.nomyo.ai/a//b', 'https://api.nomyo.ai/a//b/key'],
    ['https://api.nomyo.ai/a%20b', 'https://api.nomyo.ai/a%20b/key'],
    ['https://api.nomyo.ai/a/../b', 'https://api.nomyo.ai/b/key'],
    ['HTTPS://API.nomyo.ai:443', 'https://api.nomyo.ai/key'],
    ['http://localhost:12435', 'http://localhost:12435/key'],
    ['http://[::1]:12435/', 'http://[::1]:12435/key'],
  ])('%s keeps its prefix and loses trailing slashes', (text, expected) => {
    const baseUrl = parseBaseUrl(text)
    expect(endpointUrl(baseUrl, '/key')).toBe(expected)
    expect(baseUrl.pathname).toMatch(/^\/$|[^/]$/)
  })

  it.each([
    ['with a user name and password', 'https://user:password@api.nomyo.ai'],
    ['with a user name', 'https://user@api.nomyo.ai'],
    ['with a password', 'https://:password@api.nomyo.ai'],
    ['with a query', 'https://api.nomyo.ai/?key=1'],
    ['with a fragment', 'https://api.nomyo.ai/#top'],
    ['of FTP', 'ftp://api.nomyo.ai'],
    ['of a file', 'file:///etc/passwd'],
    ['of WebSocket', 'wss://api.nomyo.ai'],
    ['of JavaScript', 'javascript:alert(1)'],
    ['of data', 'data:text/plain,x'],
    ['that is relative', '/v1'],
    ['without a scheme', 'api.nomyo.ai'],
    ['that begins with slashes', '//api.nomyo.ai'],
    ['that is empty', ''],
    ['without a host', 'https://'],
    ['with an impossible port', 'https://api.nomyo.ai:99999'],
  ])('%s is refused', (_what, text) => {
    let error: unknown
    try {
      parseBaseUrl(text)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(InvalidRequestError)
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' })
    // What was refused may hold a password.
    expect((error as Error).message).not.toContain('password@')
  })
})
