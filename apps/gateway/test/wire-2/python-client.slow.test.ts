import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from '@nomyo-internal/testing'
import { parseKeyStatement } from '@nomyo/crypto/wire-2'
import { describe, expect, it } from 'vitest'
import { chunkOf } from '../streams/stream-client.js'
import { fileGateway, testGateway, testModelServer } from '../support.js'

/** The client of the documentation, which shares no code with this project. */
const folder = fileURLToPath(new URL('../../../../docs/wire-2/', import.meta.url))

const python = (...args: readonly string[]) =>
  promisify(execFile)('python3', [...args], { timeout: 30_000 })

/** Returns whether Python has a module; `python3-cryptography` of Debian 12 has no ML-KEM. */
const hasModule = (name: string): boolean =>
  spawnSync('python3', ['-c', `import ${name}`]).status === 0

const hasCryptography = hasModule('cryptography')
const hasMlKem = hasModule('cryptography.hazmat.primitives.asymmetric.mlkem')
if (!hasCryptography) console.info('Python client skipped: python3 has no module cryptography')
else if (!hasMlKem) console.info('Python client with ML-KEM skipped: cryptography has none')

const API_KEY = 'key-of-the-python-client'
const keyFile = join(temporaryFolder(), 'api-key')
writeFileSync(keyFile, `${API_KEY}\n`)

const gateway = await fileGateway({
  args: ['--engine', 'demo', '--request-key-classic'],
  env: { NOMYO_API_KEY: API_KEY },
})

/** Asks the demo engine, which repeats the prompt. */
const ask = (prompt: string, ...args: readonly string[]) =>
  python(join(folder, 'client.py'), gateway.url, prompt, '--model', 'nomyo/echo', ...args)

/** Its exit code and what it wrote to stderr. */
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  )

async function pinOf(): Promise<string> {
  const document = new Uint8Array(await (await fetch(`${gateway.url}/pki/wire2`)).arrayBuffer())
  const { identities } = await parseKeyStatement(document, { now: Date.now() / 1000 })
  return identities[0] ?? ''
}

describe.skipIf(!hasCryptography)('the client in Python', () => {
  it('reads and writes the published vectors', async () => {
    const { stdout } = await python(join(folder, 'check_vectors.py'))
    expect(stdout).toMatch(/^all vectors as expected/)
    if (hasMlKem) expect(stdout.trim()).toBe('all vectors as expected')
  })

  const kems = [
    ['X25519', ['--classic']],
    ...(hasMlKem ? [['MLKEM768-X25519', []] as const] : []),
  ] as const
  it.each(kems)('is answered over %s, with the identity pinned', async (_, args) => {
    const prompt = `Größe, 你好, ${'lange Frage '.repeat(3000)}`.trim()
    const { stdout, stderr } = await ask(
      prompt,
      ...['--key-file', keyFile, '--pin', await pinOf()],
      ...args,
    )
    expect(stdout).toBe(`${prompt}\n`)
    expect(stderr).toBe('')
  })

  it.each(kems)('prints a stream as it comes, over %s', async (_, args) => {
    const prompt = 'Größe, 你好, '.repeat(40).trim()
    const { stdout, stderr } = await ask(
      prompt,
      ...['--stream', '--key-file', keyFile, '--pin', await pinOf()],
      ...args,
    )
    expect(stdout).toBe(`${prompt}\n`)
    expect(stderr).toBe('')
  })

  it('says that a stream was cut off, after what it has printed', async () => {
    const upstream = await testModelServer((response, { method }) => {
      if (method === 'GET') return void response.end('{"data":[{"id":"nomyo/echo"}]}')
      response.setHeader('content-type', 'text/event-stream')
      response.write(chunkOf({ content: 'part' }))
      setTimeout(() => response.destroy(), 200)
    })
    const cut = await testGateway({ args: ['--upstream', upstream.url, '--request-key-classic'] })
    const failure = await failureOf(
      python(join(folder, 'client.py'), cut.url, 'x', ...['--stream', '--classic', '--model', 'm']),
    )
    expect(failure).toMatchObject({ code: 1, stdout: 'part' })
    expect(failure?.stderr).toContain('not a whole answer')
  })

  it('shows the error of a stream', async () => {
    const upstream = await testModelServer((response, { method }) => {
      if (method === 'GET') return void response.end('{"data":[{"id":"nomyo/echo"}]}')
      response.setHeader('content-type', 'text/event-stream')
      response.end(`${chunkOf({ content: 'part' })}data: {"error":{"message":"out of memory"}}\n\n`)
    })
    const failing = await testGateway({
      args: ['--upstream', upstream.url, '--request-key-classic'],
    })
    const failure = await failureOf(
      python(join(folder, 'client.py'), failing.url, 'x', ...['--stream', '--classic']),
    )
    expect(failure).toMatchObject({ code: 1, stdout: 'part' })
    expect(failure?.stderr).toContain('failed:')
  })

  it('is refused inside the encryption without an API key', async () => {
    const failure = await failureOf(ask('Hello', '--classic'))
    expect(failure).toMatchObject({ code: 1, stderr: expect.stringMatching(/^refused: 401 /m) })
  })

  it('sends nothing to a gateway of another identity', async () => {
    const other = `sha256/${Buffer.alloc(32, 1).toString('base64')}`
    const failure = await failureOf(ask('Hello', '--classic', '--pin', other))
    expect(failure?.stderr).toContain('no trusted identity')
  })
})
