import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  expectCode,
  startServer,
  temporaryFolder,
  withCode,
  writeTinyModel,
} from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/observability/log.js'
import { checkModelFile, hashModel } from '../../src/upstreams/embedded/file/check-file.js'
import { checkModelMemory } from '../../src/upstreams/embedded/file/check-memory.js'
import { downloadModel } from '../../src/upstreams/embedded/file/download-model.js'
import {
  defaultModelCache,
  describeLocation,
  parseModelLocation,
} from '../../src/upstreams/embedded/file/model-location.js'
import { LIBRARY_VERSION, installCommand } from '../../src/upstreams/embedded/missing-library.js'

describe('the place of a model', () => {
  it.each([
    ['./model.gguf', 'file', 'model'],
    ['C:/models/Phi.Q4.GGUF', 'file', 'Phi.Q4'],
    ['C:\\models\\tiny.GGUF', 'file', 'tiny'],
    ['.gguf', 'file', 'model'],
    ['hf:a/b', 'hf', 'a/b'],
    ['/var/blobs/sha256-0f', 'file', 'sha256-0f'],
    [
      'hf:Qwen/Qwen3-0.6B-GGUF:Q8_0',
      'hf',
      ...['Qwen/Qwen3-0.6B', 'Qwen/Qwen3-0.6B-GGUF', 'Qwen/Qwen3-0.6B-GGUF:Q8_0'],
    ],
    [
      'hf:ggml-org/gemma-3-1b-it-GGUF',
      'hf',
      ...['ggml-org/gemma-3-1b-it', 'ggml-org/gemma-3-1b-it-GGUF'],
    ],
    ['https://models.example/tiny%20one.gguf', 'url', 'tiny one'],
    ['https://models.example/100%.gguf', 'url', '100%'],
    ['hf:a/b-GGUF/folder/model-Q4_K_M.gguf#v2', 'hf', 'model-Q4_K_M'],
    ['https://models.example/a/tiny.gguf?token=secret', 'url', 'tiny'],
    ['http://127.0.0.1:8080/tiny.gguf', 'url', 'tiny'],
  ])('%j is a %s named %j', (text, kind, ...names) => {
    expect(parseModelLocation(text)).toMatchObject({ kind, names })
  })

  it.each([
    '',
    ' ',
    'a\0b',
    'hf:',
    'hf:Qwen',
    'hf:../secrets:Q8_0',
    'hf:a/b:Q8_0:more',
    'hf:a/b/model.bin',
    'hf:a/../../model.gguf',
    'ftp://models.example/tiny.gguf',
    'file:///etc/passwd.gguf',
    'http://models.example/tiny.gguf',
    'https://user:password@models.example/tiny.gguf',
    'https://models.example/page',
    'https://[/tiny.gguf',
  ])('refuses %j', (text) => {
    expect(parseModelLocation(text)).toBeUndefined()
  })

  it('is described without the query of a URL', () => {
    const location = parseModelLocation('https://models.example/tiny.gguf?token=secret')
    expect(location && describeLocation(location)).toBe('https://models.example/tiny.gguf')
  })

  it('has its folder among the caches of the user', () => {
    expect(defaultModelCache({ XDG_CACHE_HOME: '/c' })).toBe(join('/c', 'nomyo', 'models'))
    expect(defaultModelCache({})).toMatch(/[/\\]\.cache[/\\]nomyo[/\\]models$/)
  })
})

describe('the file of a model', () => {
  const folder = temporaryFolder()
  const path = join(folder, 'tiny.gguf')
  writeTinyModel(path)
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
  writeFileSync(join(folder, 'page.gguf'), '<html>')
  writeFileSync(join(folder, 'short.gguf'), 'GG')

  it('is known by its first letters', async () => {
    expect(await checkModelFile(path)).toBe(readFileSync(path).length)
  })

  it.each(['missing.gguf', 'page.gguf', 'short.gguf', '.'])('is not %s', async (name) => {
    await expectCode(checkModelFile(join(folder, name)), 'ERR_MODEL_FILE')
  })

  it('has the hash of its bytes', async () => {
    expect(await hashModel(path)).toBe(sha256)
  })

  it.each([
    ['one of several files', 'big-00001-of-00002.gguf'],
    ['a missing file', 'missing.gguf'],
  ])('has no hash as %s', async (_, name) => {
    await expectCode(hashModel(join(folder, name)), 'ERR_MODEL_FILE')
  })

  it('needs no more memory than there is', () => {
    checkModelMemory(1000, 1000)
    expect(() => {
      checkModelMemory(1001, 1000)
    }).toThrow(withCode('ERR_MODEL_MEMORY'))
  })
})

describe('a download that cannot begin', () => {
  /** A library with no file in its folder, which must not be asked to fetch one. */
  const library = {
    resolveModelFile: (_uri: string, { download }: { readonly download: 'auto' | false }) =>
      download === false
        ? Promise.reject(new Error('not in the folder'))
        : Promise.resolve('asked'),
  }
  const get = (url: string, folder = temporaryFolder(), huggingFace?: string) => {
    const location = parseModelLocation(url)
    if (location === undefined || location.kind === 'file') throw new Error(url)
    const signal = AbortSignal.timeout(30_000)
    return downloadModel(location, library, { folder, logger: silentLogger, signal, huggingFace })
  }

  it.each([
    ['a status', 404, 'GGUF'],
    ['a page', 200, '<html>'],
    ['nothing', 200, ''],
  ])('fails for %s, and leaves nothing', async (_, status, body) => {
    const folder = temporaryFolder()
    const server = await startServer((_request, response) => {
      response.writeHead(status).end(body)
    })
    try {
      await expectCode(get(`${server.url}/tiny.gguf`, folder), 'ERR_MODEL_DOWNLOAD')
    } finally {
      server.stop()
    }
    expect(readdirSync(folder)).toEqual([])
  })

  it('fails without a server', async () => {
    const server = await startServer(() => undefined)
    server.stop()
    await expectCode(get(`${server.url}/tiny.gguf`), 'ERR_MODEL_DOWNLOAD')
    await expectCode(get('hf:a/b:Q8_0', temporaryFolder(), `${server.url}/`), 'ERR_MODEL_DOWNLOAD')
  })

  it('fails without a place for the file', async () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    const server = await startServer((_request, response) => {
      // In pieces, which no network guarantees to keep together.
      response.write('G')
      setImmediate(() => response.end('GUF and more'))
    })
    try {
      await expectCode(get(`${server.url}/tiny.gguf`, join(file, 'x')), 'ERR_MODEL_DOWNLOAD')
    } finally {
      server.stop()
    }
  })

  it('fails for a mirror of Hugging Face without TLS', async () => {
    const mirror = 'http://mirror.example'
    await expectCode(get('hf:a/b:Q8_0', temporaryFolder(), mirror), 'ERR_MODEL_DOWNLOAD')
  })
})

describe('the command that installs the library', () => {
  const global = '/usr/local/lib/node_modules/@nomyo/gateway/dist/main.js'

  it.each([
    ['linux', 'x64', 'linux-x64'],
    ['darwin', 'arm64', 'mac-arm64-metal'],
    ['win32', 'x64', 'win-x64'],
  ])('omits other builds on %s %s', (platform, arch, build) => {
    expect(installCommand({ platform, arch, file: global })).toBe(
      `npm install --global --omit=optional --ignore-scripts node-llama-cpp@${LIBRARY_VERSION} @node-llama-cpp/${build}@${LIBRARY_VERSION}`,
    )
  })

  it('names no build where none exists', () => {
    expect(installCommand({ platform: 'aix', arch: 'ppc64', file: global })).toBe(
      `npm install --global --omit=optional --ignore-scripts node-llama-cpp@${LIBRARY_VERSION}`,
    )
  })

  it('leaves the other packages of a project alone', () => {
    const file = '/home/me/app/node_modules/@nomyo/gateway/dist/main.js'
    expect(installCommand({ platform: 'linux', arch: 'x64', file })).toBe(
      `npm install --prefix ./llama --omit=optional --ignore-scripts node-llama-cpp@${LIBRARY_VERSION} @node-llama-cpp/linux-x64@${LIBRARY_VERSION}`,
    )
  })
})
