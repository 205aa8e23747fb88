import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { shared, startChatModel } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { TextWriter } from '../src/output/text-writer.js'
import { Home, at, startGateway } from './support.js'

/** Bodies of the requests so far, and the answer to the next one. */
const requests: { messages: { role: string; content: string }[]; stream?: boolean }[] = []
let respond: (response: ServerResponse) => void
const model = shared(() =>
  startChatModel((response, { body }) => {
    requests.push(JSON.parse(body) as (typeof requests)[number])
    response.setHeader('content-type', 'text/event-stream')
    respond(response)
  }),
)
const gateway = shared(() =>
  startGateway({ engine: { kind: 'openai', baseUrl: model().url, apiKey: undefined } }),
)
const chat = (): string[] => ['chat', ...at(gateway().url), '--model', 'm']

const chunk = (delta: object, finish_reason: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
const END = `${chunk({}, 'stop')}data: [DONE]\n\n`

/** Resolves with the response of the next request. */
const nextResponse = (): Promise<ServerResponse> => new Promise((resolve) => (respond = resolve))

describe('a session', () => {
  it('shows words while the model makes them, and Ctrl-C stops an answer, not the session', async () => {
    const arriving = nextResponse()
    const terminal = new Home().terminal(chat())
    await terminal.sees('> ')
    terminal.types('count\r')
    const response = await arriving
    response.write(chunk({ role: 'assistant' }))
    response.write(chunk({ content: 'one ' }))
    await terminal.sees('one')
    response.write(chunk({ content: 'two ' }) + chunk({ content: 'three' }))
    await terminal.sees(' two three')
    expect(response.closed).toBe(false)
    const closed = new Promise((resolve) => response.once('close', resolve))
    terminal.types('\u0003')
    await terminal.sees('Stopped', '> ')
    // No model goes on for an answer that was stopped.
    await closed

    respond = (next) => next.end(chunk({ content: 'four' }) + END)
    await terminal.asks('go on', '\r\nfour\r\n')
    expect(requests.at(-1)?.messages).toMatchObject([
      { role: 'user', content: 'count' },
      { role: 'assistant', content: 'one two three' },
      { role: 'user', content: 'go on' },
    ])
    terminal.types('/quit\r')
    expect(await terminal.ended()).toBe(0)
  })

  it('shows an error behind the text of an answer that breaks off, and forgets that answer', async () => {
    const terminal = new Home().terminal(chat())
    await terminal.sees('> ')
    respond = (response) => {
      response.write(chunk({ content: 'half' }), () => setImmediate(() => response.destroy()))
    }
    await terminal.asks('lost', 'half', 'nomyo:')
    respond = (response) => response.end(chunk({ content: 'whole' }) + END)
    await terminal.asks('again', '\r\nwhole\r\n')
    expect(requests.at(-1)?.messages).toMatchObject([{ role: 'user', content: 'again' }])
    terminal.types('\u0004')
    expect(await terminal.ended()).toBe(0)
  })

  it('shows no control characters, in however many parts they come', async () => {
    const terminal = new Home().terminal(chat())
    await terminal.sees('> ')
    const title = ['\u001b', ']0;owned', '\u0007']
    respond = (response) => {
      for (const content of [...title, 'safe', '\u202e', '\r', '👩', ' end']) {
        response.write(chunk({ content }))
      }
      response.end(END)
    }
    await terminal.asks('x', ']0;ownedsafe👩 end')
    // Readline writes sequences of its own.
    expect(terminal.shown).not.toContain('\u001b]')
    for (const unsafe of ['\u0007', '\u202e']) expect(terminal.shown).not.toContain(unsafe)
    terminal.types('\u0004')
    await terminal.ended()
  })
})

describe('one question', () => {
  it('prints the text as it comes, with one line break at its end, and notes behind it', async () => {
    respond = (response) =>
      response.end(
        chunk({ content: 'a\n' }) +
          chunk({ content: '\nb \n' }) +
          chunk({ content: '\n' }, 'length'),
      )
    const { code, stdout, stderr } = await new Home().run([...chat(), 'x'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'a\n\nb \n\n' })
    expect(stderr).toContain('cut off')
    expect(requests.at(-1)).toMatchObject({ stream: true })
  })

  it('shows no control characters on a terminal', async () => {
    respond = (response) => {
      const parts = ['\u001b', ']0;owned', '\u0007', 'safe', '\u202e', ' end']
      response.end(parts.map((content) => chunk({ content })).join('') + END)
    }
    const terminal = new Home().terminal([...chat(), 'x'])
    expect(await terminal.ended()).toBe(0)
    expect(terminal.shown).toContain(']0;ownedsafe end')
    for (const unsafe of ['\u001b]', '\u0007', '\u202e']) {
      expect(terminal.shown).not.toContain(unsafe)
    }
  })

  it('is not streamed with --json', async () => {
    respond = (response) =>
      response
        .setHeader('content-type', 'application/json')
        .end(
          '{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}',
        )
    const { stdout } = await new Home().run([...chat(), '--json', 'x'])
    expect(JSON.parse(stdout)).toMatchObject({ choices: [{ message: { content: 'x' } }] })
    expect(requests.at(-1)).toMatchObject({ stream: false })
  })

  it('fails where the answer breaks off, and where it has no choice', async () => {
    respond = (response) => {
      response.write(chunk({ content: 'half' }), () => setImmediate(() => response.destroy()))
    }
    const cut = await new Home().run([...chat(), 'x'])
    expect(cut).toMatchObject({ code: 4, stdout: 'half\n' })
    expect(cut.stderr).toContain('nomyo doctor')
    respond = (response) => response.end('data: {"choices":[]}\n\ndata: [DONE]\n\n')
    expect(await new Home().run([...chat(), 'x'])).toMatchObject({ code: 1, stdout: '' })
  })

  it('keeps the receipt of a whole answer', async () => {
    const home = new Home()
    respond = (response) =>
      response
        .setHeader('content-type', 'application/json')
        .end(
          '{"choices":[{"index":0,"message":{"role":"assistant","content":"kept"},"finish_reason":"stop"}]}',
        )
    const args = [...chat(), '--receipt', home.at('receipt.json'), 'x']
    expect(await home.run(args)).toMatchObject({ code: 0, stdout: 'kept\n' })
    expect(JSON.parse(readFileSync(home.at('receipt.json'), 'utf8'))).toHaveProperty('format')
  })
})

describe('text in parts', () => {
  it.each([
    [['a', ' ', 'b'], 'a b', ''],
    [['a \n', '\n'], 'a', ' \n\n'],
    [['\n', ' x'], '\n x', ''],
    [[' '], '', ' '],
    [[], '', ''],
  ])('%j is written as %j, and ends with %j', (parts, expected, end) => {
    let written = ''
    const writer = new TextWriter((text) => (written += text))
    for (const part of parts) writer.add(part)
    expect([written, writer.end(), writer.hasWritten]).toEqual([expected, end, expected !== ''])
  })
})
