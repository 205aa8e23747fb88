import {
  existsSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { formatPolicyFile } from '@nomyo/attest/policy-file'
import { isInstalled, listenOnLoopback, shared, stopAfterTest } from '@nomyo-internal/testing'
import { forgeKey, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startWireTap } from '../src/commands/demo/wire-tap.js'
import { Home, startGateway } from './support.js'

const gateway = shared(() => startGateway())
/** Starts a server that answers as the gateway does, but for some requests. */
async function startBefore(
  gatewayUrl: string,
  handles: (...args: Parameters<RequestListener>) => boolean,
) {
  const server = createServer((request, response) => {
    if (handles(request, response)) return
    void fetch(`${gatewayUrl}${request.url ?? ''}`).then(async (answer) => {
      response.writeHead(answer.status).end(await answer.text())
    })
  })
  const port = await listenOnLoopback(server)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${port}`
}

describe('a session of nomyo chat', () => {
  it('converses, and runs every slash command', async () => {
    const home = new Home()
    const terminal = home.terminal(['chat', '--gateway', gateway().url, '--allow-http'])
    await terminal.sees('sha256/')
    await terminal.sees('first use')
    await terminal.sees('not appraised')
    await terminal.sees('nomyo/demo')
    await terminal.sees('> ')
    await terminal.asks('a secret question', '[demo engine, not a model]')
    await terminal.asks('/help', '/save FILE')
    await terminal.asks('/model', '* nomyo/demo', '  nomyo/echo')
    await terminal.asks('/model nomyo/echo', 'nomyo/echo')
    await terminal.asks('say this', '\r\nsay this\r\n')
    await terminal.asks('/system Be brief.', 'Be brief.')
    await terminal.asks('/tier hihg', 'There is no tier')
    await terminal.asks('/tier high', 'high')
    await terminal.asks('/attest', 'not appraised')
    await terminal.asks('/sav', 'Did you mean /save?')
    await terminal.asks('/save', 'Name a file')
    // Nothing has been written up to here.
    expect(home.allText()).not.toContain('a secret question')

    writeFileSync(home.at('kept.txt'), 'before', { mode: 0o644 })
    terminal.types(`/save ${home.at('kept.txt')}\r`)
    await terminal.sees('Overwrite it?')
    await terminal.asks('n', 'Not saved')
    expect(readFileSync(home.at('kept.txt'), 'utf8')).toBe('before')
    terminal.types(`/save ${home.at('kept.txt')}\r`)
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
    await terminal.asks('/reset', 'Forgotten')
    await terminal.asks(`/save ${home.at('other.txt')}`, 'nothing to save')
    expect(existsSync(home.at('other.txt'))).toBe(false)
    terminal.types('/quit\r')
    expect(await terminal.ended()).toBe(0)
  })

  it('sends several pasted lines as one message, and shows no control characters', async () => {
    const terminal = new Home().terminal([
      ...['chat', '--gateway', gateway().url, '--allow-http', '--model', 'nomyo/echo'],
    ])
    await terminal.sees('> ')
    terminal.types('one\rtwo \u009b31m\r')
    await terminal.sees('\r\none\r\ntwo 31m\r\n')
    await terminal.sees('> ')
    terminal.types('\u0004')
    expect(await terminal.ended()).toBe(0)
  })

  it.each(['terminal', ...(isInstalled('script') ? (['pseudoTerminal'] as const) : [])] as const)(
    'cancels the answer in progress with Ctrl-C, and ends with the second (%s)',
    async (kind) => {
      const url = await startBefore(gateway().url, ({ method }) => method === 'POST')
      const terminal = new Home()[kind](['chat', '--gateway', url, '--allow-http'])
      await terminal.sees('> ')
      terminal.types('never answered\r')
      await terminal.sees('Ctrl-C cancels')
      terminal.types('\u0003')
      await terminal.sees('cancelled')
      await terminal.sees('> ')
      terminal.types('\u0003')
      expect(await terminal.ended()).toBe(130)
    },
  )

  it('sends no API key to a machine that does not satisfy the policy', async () => {
    const tap = await startWireTap()
    onTestFinished(() => tap.close())
    tap.connectTo(gateway().port)
    const home = new Home({ NOMYO_API_KEY: 'canary-api-key' })
    const text = formatPolicyFile({
      requiredPcrs: 'sha256:0',
      pinnedAkNames: [forgedName(forgeKey())],
    })
    const policy = ['--policy', home.file('policy.json', text)]
    const terminal = home.terminal(['chat', '--gateway', tap.url, '--allow-http', ...policy])
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
    const at = ['chat', '--gateway', url, '--allow-http']
    const terminal = new Home().terminal(at)
    await terminal.sees('model    honest/model')
    await terminal.sees('> ')
    await terminal.asks('/model', '* honest/model')
    expect(terminal.shown).not.toContain('tier affirming')
    expect(terminal.shown).not.toContain('owned')
    const named = new Home().terminal([...at, '--model', 'y\nmachine  tier affirming'])
    await named.sees('model    y machine tier affirming')
  })

  it('asks before it trusts a key, and continues after a failed answer', async () => {
    const ended = stopAfterTest(await startGateway())
    const home = new Home()
    const trust = ['servers', 'trust', ended.url, '--allow-http']
    const no = home.terminal(trust)
    await no.sees('[y/N]')
    no.types('\r')
    expect(await no.ended()).toBe(3)
    const yes = home.terminal(trust)
    await yes.sees('[y/N]')
    yes.types('y\r')
    expect(await yes.ended()).toBe(0)
    const terminal = home.terminal(['chat', '--gateway', ended.url, '--allow-http'])
    await terminal.sees('known')
    await terminal.sees('> ')
    await ended.stop()
    await terminal.asks('hello?', 'nomyo:')
    terminal.types('/quit\r')
    expect(await terminal.ended()).toBe(0)
  })
})
