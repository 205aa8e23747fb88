import { describe, expect, it } from 'vitest'
import { eavesdrop, findIn } from '../src/commands/demo/eavesdropper.js'

const PROMPT = 'Patient 4711 hätte gern Ruhe'

describe('findIn', () => {
  it('finds a text sent as it is', () => {
    const wire = Buffer.from(`{"content":"${PROMPT}"}`).toString('latin1')
    expect(findIn(wire, PROMPT)).toBe('plain')
  })

  it.each(['', 'x', 'xy', 'xyz'])('finds a text in base64 behind %j', (before) => {
    const wire = Buffer.from(`${before}${PROMPT}, and more`).toString('base64')
    expect(findIn(`"body":"${wire}"`, PROMPT)).toBe('base64')
  })

  it('finds nothing in other bytes', () => {
    expect(findIn('POST / HTTP/1.1\r\n\r\n{}', PROMPT)).toBeUndefined()
  })
})

describe('eavesdrop', () => {
  it('shows the last request and answer in lines that fit a terminal', () => {
    const message = (start: string): string =>
      `${start}\r\nx-public-key: ${'k'.repeat(500)}\r\naccept: x\r\n\r\n${'b'.repeat(900)}`
    const lines = eavesdrop({
      toGateway: `GET /pki HTTP/1.1\r\n\r\n${message('POST /v1 HTTP/1.1')}`,
      toClient: message('HTTP/1.1 200 OK'),
    })
    expect(lines[0]).toBe('   > POST /v1 HTTP/1.1')
    expect(lines.some((line) => line.includes('accept'))).toBe(false)
    expect(lines.every((line) => line.length <= 80)).toBe(true)
  })
})
