import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildsOf } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }

const ERRORS = [
  'APIConnectionError',
  'APIError',
  'AuthenticationError',
  'ForbiddenError',
  'InvalidRequestError',
  'RateLimitError',
  'ServerError',
  'ServiceUnavailableError',
]
const INDEX = [
  ...ERRORS,
  'abortable',
  'createHttpTransport',
  'delay',
  'endpointUrl',
  'errorFromResponse',
  'parseBaseUrl',
  'parseRetryAfter',
  'retry',
  'startDeadline',
]

describe.each([
  ['index', INDEX],
  ['errors', ERRORS],
])('%s', (name, expected) => {
  it('exports this and nothing else, from source, imported and required', async () => {
    const modules = await buildsOf(import.meta.url, name)
    for (const module of modules) expect(Object.keys(module).sort()).toEqual(expected)
  })
})

it('is reached through these subpaths only', () => {
  expect(Object.keys(packageJson.exports)).toEqual(['.', './errors', './undici', './package.json'])
})

it('loads of undici the agent alone, by a path that belongs to one version', () => {
  const program = `import '@nomyo/transport/undici'
    import { createRequire } from 'node:module'
    const files = Object.keys(createRequire(import.meta.url).cache)
    console.log(files.filter((file) => /undici.(index|lib.dispatcher.agent)[.]js$/.test(file)).length)
    console.log(files.some((file) => /undici.index[.]js$/.test(file)))`
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
  expect(output).toBe('1\nfalse\n')
  const catalog = readFileSync(join(import.meta.dirname, '../../../pnpm-workspace.yaml'), 'utf8')
  expect(packageJson.dependencies.undici).toBe('catalog:')
  expect(catalog).toMatch(/^ {2}undici: \d+\.\d+\.\d+$/m)
})
