import { buildsOf } from '@nomyo-internal/testing'
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

describe.each([
  ['index', INDEX],
  ['errors', ['TpmError']],
])('%s', (name, expected) => {
  it('exports exactly this, from source, imported and required', async () => {
    const modules = await buildsOf(import.meta.url, name)
    for (const module of modules) expect(Object.keys(module).sort()).toEqual(expected)
  })
})

it('has these subpaths only', () => {
  expect(Object.keys(packageJson.exports)).toEqual(['.', './errors', './package.json'])
})
