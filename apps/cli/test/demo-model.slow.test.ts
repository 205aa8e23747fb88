import { join } from 'node:path'
import { installedNodeLlamaCpp, temporaryFolder, writeTinyModel } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { Home } from './support.js'

const library = await installedNodeLlamaCpp()

describe.skipIf(library === undefined)('nomyo demo --model', () => {
  const path = join(temporaryFolder(), 'a-model-of-the-test.gguf')
  writeTinyModel(path)
  const run = (folder: string, ...more: string[]) =>
    new Home().run([
      ...['demo', '--model', path, '--model-library', folder, '--model-threads', '1'],
      ...more,
    ])

  it('shows the answers of a model', async () => {
    const { code, stdout } = await run(library ?? '')
    expect(code, stdout).toBe(0)
    for (const text of [
      'model    a-model-of-the-test',
      'model loaded: ',
      'answer   Hello from a tiny model.',
      'a-model-of-the-test: a model',
      'with 6 tokens',
      'check_interaction({',
    ]) {
      expect(stdout).toContain(text)
    }
    expect(stdout).not.toContain('stand-in')
  })

  it('fails without the library, and says how to install it', async () => {
    const { code, stderr } = await run('/')
    expect(code).toBe(1)
    expect(stderr).toContain('npm install')
    expect(stderr).toContain('ERR_MODEL_LIBRARY')
  })

  it('needs a model for its options', async () => {
    expect(await new Home().run(['demo', '--model-threads', '1'])).toMatchObject({ code: 2 })
  })
})
