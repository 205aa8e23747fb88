import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }

const INDEX = [
  'DEFAULT_AK_HANDLE',
  'Tpm',
  'TpmError',
  'certify',
  'createPrimary',
  'createQuoter',
  'createTpmTransport',
  'evictControl',
  'flushContext',
  'openCredential',
  'pcrRead',
  'readEndorsementKey',
  'readPublic',
]

const require = createRequire(import.meta.url)

describe.each([
  ['index', INDEX],
  ['errors', ['TpmError']],
])('%s', (name, expected) => {
  it('exports exactly this, from source, imported and required', async () => {
    const modules = [
      await import(new URL(`../src/${name}.ts`, import.meta.url).href),
      await import(new URL(`../dist/${name}.js`, import.meta.url).href),
      require(`../dist/${name}.js`),
    ] as object[]
    for (const module of modules) expect(Object.keys(module).sort()).toEqual(expected)
  })
})

it('has these subpaths only', () => {
  expect(Object.keys(packageJson.exports)).toEqual(['.', './errors', './package.json'])
})
