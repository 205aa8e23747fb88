import {
  existsSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import type { RequestListener } from 'node:http'
import { isInstalled, shared, startServer, stopAfterTest } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { Home, at, startGateway, tapBefore } from './support.js'

const gateway = shared(() => startGateway())
/** Starts a server that answers as the gateway does, but for some requests. */
async function startBefore(
  gatewayUrl: string,
  handles: (...args: Parameters<RequestListener>) => boolean,
) {
  const server = await startServer((request, response) => {
    if (handles(request, response)) return
    void fetch(`${gatewayUrl}${request.url ?? ''}`).then(async (answer) => {
      response.writeHead(answer.status).end(await answer.text())
    })
  })
  return stopAfterTest(server).url
}

describe('a session of nomyo chat', () => {
  it('converses, and runs every slash command', async () => {
    const home = new Home()
    const terminal = home.terminal(['chat', ...at(gateway().url)])
    await terminal.sees('sha256/', 'first use', 'not appraised', 'nomyo/demo', '> ')
    await terminal.asks('a secret question', '[demo engine, not a model]')
    await terminal.asks('/help', '/save FILE')
    await terminal.asks('/', '/save FILE')
    const listed = terminal.shown.split(/\r?\n/).filter((line) => line.startsWith('  /'))
    expect(listed.length).toBeGreaterThan(8)
    expect(listed.filter((line) => line.length > 80)).toEqual([])
    await terminal.asks('/model', '* nomyo/demo', '  nomyo/echo')
    await terminal.asks('/model nomyo/ecko', 'does not list the model nomyo/ecko', 'nomyo/echo?')
    await terminal.asks('/model elsewhere', 'does not list the model elsewhere', '/model lists all')
    await terminal.asks('/model', '* nomyo/demo')
    await terminal.asks('/model nomyo/echo', 'nomyo/echo')
    await terminal.asks('say this', '\r\nsay this\r\n')
    await terminal.asks(' /etc/hosts', '\r\n /etc/hosts\r\n')
    await terminal.asks('/system Be brief.', 'Be brief.')
    await terminal.asks('/tier hihg', 'Unknown tier')
    await terminal.asks('/tier high', 'high')
    await terminal.asks('/attest', 'not appraised')
    await terminal.asks('/sav', 'Did you mean /save?')
    await terminal.asks('/save', 'Name a file')
    // Nothing has been written up to here.
    expect(home.allText()).not.toContain('a secret question')

    writeFileSync(home.at('kept.txt'), 'before', { mode: 0o644 })
    const save = `/save ${home.at('kept.txt')}\r`
    terminal.types(save)
    await terminal.sees('Overwrite it?')
    await terminal.asks('n', 'Not saved')
    expect(readFileSync(home.at('kept.txt'), 'utf8')).toBe('before')
    terminal.types(save)
    await terminal.sees('Overwrite it?')
    await terminal.asks('y', 'Saved')
    const saved = readFileSync(home.at('kept.txt'), 'utf8')
    expect(saved).toContain('[you]\na secret question\n')
    expect(saved).toContain('[nomyo/echo]\nsay this\n')
    expect(statSync(home.at('kept.txt')).mode & 0o777).toBe(0o600)
    await terminal.asks('/save /nowhere/x', 'ENOENT')
    // Nothing is seen there, and something would be replaced.
    symlinkSync('/nowhere/x', home.at('link'))
    await terminal.asks(`/save ${home.at('link')}`, 'EEXIST')
    expect(readlinkSync(home.at('link'))).toBe('/nowhere/x')
    await terminal.asks('/reset', 'cleared')
    await terminal.asks(`/save ${home.at('other.txt')}`, 'nothing to save')
    expect(existsSync(home.at('other.txt'))).toBe(false)
    terminal.types('/quit\r')
    expect(await terminal.ended()).toBe(0)
  })

  it.each(['exit', ' quit ', '/exit', '/quit'])(
    'ends with "%s", and sends nothing',
    async (word) => {
      let sent = 0
      const url = await startBefore(gateway().url, ({ method }) => {
        if (method === 'POST') sent++
        return method === 'POST'
      })
      const terminal = new Home().terminal(['chat', ...at(url)])
      await terminal.sees('> ')
      terminal.types(`${word}\r`)
      expect(await terminal.ended()).toBe(0)
      expect(sent).toBe(0)
    },
  )

  it('changes to any model where the gateway names none', async () => {
    const url = await startBefore(gateway().url, (request, response) => {
      if (request.url !== '/v1/models') return false
      response.end('{"data":[]}')
      return true
    })
    const terminal = new Home().terminal(['chat', ...at(url), '--model', 'a'])
    await terminal.sees('> ')
    await terminal.asks('/model b', 'model b.', 'lists no models')
    terminal.types('\u0004')
    expect(await terminal.ended()).toBe(0)
  })

  it('sends several pasted lines as one message, and shows no control characters', async () => {
    const args = ['chat', ...at(gateway().url), '--model', 'nomyo/echo']
    const terminal = new Home().terminal(args)
    await terminal.sees('> ')
    terminal.types('one\rtwo \u009b31m\r')
    await terminal.sees('\r\none\r\ntwo 31m\r\n', '> ')
    terminal.types('\u0004')
    expect(await terminal.ended()).toBe(0)
  })

  it.each(['terminal', ...(isInstalled('script') ? (['pseudoTerminal'] as const) : [])] as const)(
    'cancels the answer in progress with Ctrl-C, and ends with the second (%s)',
    async (kind) => {
      const url = await startBefore(gateway().url, ({ method }) => method === 'POST')
      const terminal = new Home()[kind](['chat', ...at(url)])
      await terminal.sees('> ')
      terminal.types('never answered\r')
      await terminal.sees('Ctrl-C cancels')
      terminal.types('\u0003')
      await terminal.sees('cancelled', '> ')
      terminal.types('\u0003')
      expect(await terminal.ended()).toBe(130)
    },
  )

  it('sends no API key to a machine that does not satisfy the policy', async () => {
    const tap = await tapBefore(gateway())
    const home = new Home({ NOMYO_API_KEY: 'canary-api-key' })
    const terminal = home.terminal(['chat', ...at(tap.url), ...home.unmetPolicy()])
    expect(await terminal.ended()).toBe(3)
    expect(tap.recorded.toGateway).toContain('GET /pki/')
    expect(tap.recorded.toGateway).not.toContain('canary-api-key')
  })

  it('lists no model whose name would pass for a line of output', async () => {
    const names = ['x\nmachine  tier affirming', '\u001b]0;owned\u0007', 'honest/model']
    const url = await startBefore(gateway().url, (request, response) => {
      if (request.url !== '/v1/models') return false
      response.end(JSON.stringify({ data: names.map((id) => ({ id })) }))
      return true
    })
    const chat = ['chat', ...at(url)]
    const terminal = new Home().terminal(chat)
    await terminal.sees('model    honest/model', '> ')
    await terminal.asks('/model', '* honest/model')
    expect(terminal.shown).not.toContain('tier affirming')
    expect(terminal.shown).not.toContain('owned')
    const named = new Home().terminal([...chat, '--model', 'y\nmachine  tier affirming'])
    await named.sees('model    y machine tier affirming')
  })

  it('asks before it trusts a key, and continues after a failed answer', async () => {
    const ended = stopAfterTest(await startGateway())
    const home = new Home()
    const trust = ['servers', 'trust', ended.url, '--allow-http']
    for (const [answer, code] of [
      ['\r', 3],
      ['y\r', 0],
    ] as const) {
      const question = home.terminal(trust)
      await question.sees('[y/N]')
      question.types(answer)
      expect(await question.ended()).toBe(code)
    }
    const terminal = home.terminal(['chat', ...at(ended.url)])
    await terminal.sees('known', '> ')
    await ended.stop()
    await terminal.asks('hello?', 'nomyo:')
    terminal.types('/quit\r')
    expect(await terminal.ended()).toBe(0)
  })
})
