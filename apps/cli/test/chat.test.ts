import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyPem } from '@nomyo-internal/testing/vectors'
import {
  isInstalled,
  shared,
  startServer,
  startSwtpm,
  stopAfterTest,
} from '@nomyo-internal/testing'
import { importPublicKey } from '@nomyo/crypto'
import { describe, expect, it } from 'vitest'
import { findIn } from '../src/commands/demo/eavesdropper.js'
import { Home, at, startGateway, tapBefore } from './support.js'

const API_KEY = 'canary-api-key-71e0c2'
const PROMPT = 'canary prompt: patient 4711'
const ATTACHED = 'canary attachment: 40 mg'

const gateway = shared(() => startGateway({ apiKeys: [API_KEY] }))
const echo = (url = gateway().url) => ['chat', ...at(url), '--model', 'nomyo/echo']
const withKey = { NOMYO_API_KEY: API_KEY }

describe('nomyo chat MESSAGE', () => {
  it('prints the answer and nothing else, and leaves nothing behind or on the wire', async () => {
    const tap = await tapBefore(gateway())
    const home = new Home(withKey)
    const { code, stdout, stderr } = await home.run([...echo(tap.url), PROMPT], {
      input: `${ATTACHED}\n`,
    })
    expect(stdout).toBe(`${PROMPT}\n\n${ATTACHED}\n`)
    expect(code).toBe(0)
    expect(stderr).toContain('first use')
    const wire = tap.recorded.toGateway + tap.recorded.toClient
    expect(wire).toContain('POST /.well-known/ohttp-gateway')
    // The key is encrypted with the request.
    expect(wire).not.toContain(API_KEY)
    for (const canary of [PROMPT, ATTACHED]) {
      expect(findIn(wire, canary)).toBeUndefined()
      expect(stderr).not.toContain(canary)
      expect(findIn(home.allText(), canary)).toBeUndefined()
    }
    expect(stderr).not.toContain(API_KEY)
    expect(home.allText()).not.toContain(API_KEY)
  })

  it('prints the error of a model server, with its code', async () => {
    const model = 'nomyo/error-context-length'
    const args = ['chat', ...at(gateway().url), '--model', model, PROMPT]
    const { code, stdout, stderr } = await new Home(withKey).run(args)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('maximum context length')
    expect(stderr).toContain('(context_length_exceeded)')
  })

  it('writes nothing to standard error from the second run on', async () => {
    const home = new Home(withKey)
    await home.run([...echo(), 'x'])
    expect(await home.run([...echo(), 'x'])).toEqual({ code: 0, stdout: 'x\n', stderr: '' })
    expect(await home.run(echo(), { input: 'only this' })).toMatchObject({ stdout: 'only this\n' })
  })

  it('uses the first model where none is named, and prints the whole completion with --json', async () => {
    const home = new Home(withKey)
    const sampling = ['--system', 'y', '--tier', 'high', '--temperature', '0.5']
    const { stdout } = await home.run(['chat', ...at(gateway().url), '--json', 'x', ...sampling])
    expect(JSON.parse(stdout)).toMatchObject({
      model: 'nomyo/demo',
      _metadata: { is_encrypted: true },
    })
  })

  it('accepts text with dashes behind --, and never repeats a prompt in an error', async () => {
    const home = new Home(withKey)
    expect(await home.run([...echo(), '--', '--help'])).toMatchObject({
      code: 0,
      stdout: '--help\n',
    })
    const { code, stderr } = await home.run([...echo(), '--Canary prompt'])
    expect(code).toBe(2)
    expect(stderr).not.toContain('anary')
  })

  it('writes a receipt without the texts, once', async () => {
    const home = new Home(withKey)
    const args = [...echo(), '--receipt', home.at('receipt.json'), PROMPT]
    expect((await home.run(args)).code).toBe(0)
    const path = home.at('receipt.json')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const before = readFileSync(path, 'utf8')
    expect(JSON.parse(before)).toHaveProperty('payloadId')
    expect(findIn(before, PROMPT)).toBeUndefined()
    expect((await home.run(args)).code).toBe(2)
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  it('writes no receipt without an answer', async () => {
    const home = new Home({ NOMYO_API_KEY: 'wrong' })
    expect((await home.run([...echo(), '--receipt', home.at('receipt.json'), 'x'])).code).toBe(1)
    expect(home.allText()).not.toContain('receipt.json')
  })

  it('ends with Ctrl-C, without a receipt', async () => {
    let asked = (): void => {}
    const whenAsked = new Promise<void>((resolve) => (asked = resolve))
    const slow = await startServer((request, response) => {
      if (request.method === 'POST') asked()
      else if (request.url === '/pki/wire2') response.writeHead(404).end()
      else response.end(keyPem('keys/server.public.pem'))
    })
    const { url } = stopAfterTest(slow)
    const home = new Home()
    const child = home.start([...echo(url), '--receipt', 'receipt.json', 'x'])
    await whenAsked
    child.kill('SIGINT')
    expect(await child.ended).toMatchObject({ code: 130, signal: null })
    expect(home.allText()).not.toContain('receipt.json')
  })

  it('stops when the key is neither the known nor the pinned one', async () => {
    const home = new Home(withKey)
    const { fingerprint } = await importPublicKey(keyPem('keys/server.public.pem'))
    const other = `sha256/${'A'.repeat(43)}=`
    expect((await home.run([...echo(), '--pin', fingerprint, 'x'])).code).toBe(0)
    expect((await home.run([...echo(), '--pin', other, 'x'])).code).toBe(3)
    writeFileSync(
      join(home.path, '.nomyo', 'known_servers'),
      `${gateway().url} ${other} 2026-01-01\n`,
    )
    const { code, stdout, stderr } = await home.run([...echo(), 'x'])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain('nomyo servers forget')
    expect((await home.run(['servers', 'forget', gateway().url])).code).toBe(0)
    expect((await home.run([...echo(), 'x'])).code).toBe(0)
  })
})

describe('settings', () => {
  it('are options, then the environment, then the file, then defaults', async () => {
    const home = new Home()
    const keyPath = home.file('api-key', `${API_KEY}\n`)
    const { url } = gateway()
    const full = { gateway: url, allowHttp: true, model: 'nomyo/echo', apiKeyFile: keyPath }
    home.config(full)
    expect(await home.run(['chat', 'x'])).toMatchObject({ code: 0, stdout: 'x\n' })
    home.config({ ...full, gateway: 'http://127.0.0.1:9', apiKeyFile: '/nowhere', model: 'none' })
    const env = { ...withKey, NOMYO_BASE_URL: gateway().url }
    expect(await home.run(['chat', '--model', 'nomyo/echo', 'x'], { env })).toMatchObject({
      stdout: 'x\n',
    })
    home.config({ ...full, gateway: 'http://127.0.0.1:9' })
    const lost = { NOMYO_BASE_URL: 'http://127.0.0.1:9', NOMYO_API_KEY: 'wrong' }
    const args = ['chat', '--gateway', gateway().url, '--api-key-file', keyPath, 'x']
    expect(await home.run(args, { env: lost })).toMatchObject({ code: 0, stdout: 'x\n' })
    expect((await home.run(['chat', 'x'])).code).toBe(4)
    const named = home.file(
      'named.json',
      JSON.stringify({ ...full, apiKeyFile: 'api-key', knownServers: 'known' }),
    )
    expect((await home.run(['chat', 'x', '--config', named])).code).toBe(0)
    expect((await home.run(['chat', 'x'], { env: { NOMYO_CLI_CONFIG: named } })).code).toBe(0)
    expect(statSync(home.at('known')).mode & 0o777).toBe(0o600)
    expect((await home.run(['chat', 'x', '--config', home.at('absent')])).code).toBe(2)
  })

  it.each([
    ['text that is not JSON', 'secret-value', undefined],
    ['a member twice', '{"gateway":"http://secret-value","gateway":""}', 'gateway'],
    ['JSON that is not an object', '["secret-value"]', undefined],
    ['an unknown member', { gatway: 'secret-value' }, 'Did you mean gateway?'],
    ['an unknown tier', { tier: 'secret-value' }, 'tier must be'],
    ['a switch that is text', { allowHttp: 'secret-value' }, 'allowHttp must be'],
    ['no pins', { pins: [] }, 'pins must be'],
    ['a malformed pin', { pins: ['secret-value'] }, undefined],
    ['an empty text', { model: '' }, 'model is empty'],
    ['a gateway that is not a URL', { gateway: 'secret-value' }, undefined],
    ['an API key', { apiKey: 'secret-value' }, 'Did you mean apiKeyFile?'],
  ])('are refused with %s, without the value', async (_what, config, text) => {
    const home = new Home()
    home.config(config)
    const { code, stderr } = await home.run(['chat', 'x'])
    expect(code).toBe(2)
    expect(stderr).not.toContain('secret-value')
    if (text !== undefined) expect(stderr).toContain(text)
  })
})

describe.skipIf(!isInstalled('swtpm'))('with a policy', () => {
  it('attests the machine before anything is sent, and writes a receipt that can be appraised', async () => {
    const { address } = stopAfterTest(await startSwtpm())
    const ak = { mode: 'persistent' } as const
    const tpm = { address, pcrs: 'sha256:0,7,10', ak, required: true }
    const { url } = stopAfterTest(await startGateway({ tpm }))
    const home = new Home()
    const codeOf = async (args: readonly string[]): Promise<number> => (await home.run(args)).code
    const [policy, receipt] = [home.at('policy.json'), home.at('receipt.json')]
    const init = ['attest', 'policy', 'init', url, '--allow-http', '--output', policy]
    expect(await codeOf(init)).toBe(0)
    const ask = [...echo(url), '--policy', policy, '--receipt', receipt, PROMPT]
    expect(await codeOf(ask)).toBe(0)
    const verify = ['attest', 'verify', receipt]
    expect(await codeOf(verify)).toBe(0)
    const other = home.file('request.json', JSON.stringify({ model: 'other' }))
    expect(await codeOf([...verify, '--request', other])).toBe(3)
    const doctor = ['doctor', ...at(url), '--json']
    expect(await codeOf([...doctor, '--policy', policy])).toBe(0)
    expect((await home.run(doctor)).stdout).toContain('offers evidence of attestation key 000')

    const strict = home.unmetPolicy()
    const refused = await home.run([...echo(url), ...strict, PROMPT])
    expect(refused).toMatchObject({ code: 3, stdout: '' })
    const broken = await home.run([...doctor, ...strict])
    expect(broken.code).toBe(1)
    expect(JSON.parse(broken.stdout).findings).toContainEqual(
      expect.objectContaining({ check: 'machine', status: 'problem' }),
    )
  })
})

describe('with a policy, without a TPM', () => {
  it.each([
    ['with a model', ['--model', 'nomyo/echo']],
    ['with the first model', []],
  ])('refuses a gateway without evidence, %s', async (_what, model) => {
    const tap = await tapBefore(gateway())
    const home = new Home(withKey)
    const args = ['chat', ...at(tap.url), ...model, ...home.unmetPolicy(), PROMPT]
    const { code, stdout } = await home.run(args)
    expect(stdout).toBe('')
    expect(code).toBe(3)
    expect(tap.recorded.toGateway).toContain('GET /pki/')
    expect(tap.recorded.toGateway).not.toContain(API_KEY)
    // Its key is not known to the next program either.
    expect(() => statSync(join(home.path, '.nomyo', 'known_servers'))).toThrow('ENOENT')
  })
})
