import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { installedNodeLlamaCpp, temporaryFolder, writeTinyModel } from '@nomyo-internal/testing'
import { describe, expect, it, vi } from 'vitest'
import { testGateway } from '../support.js'
import { diagnose, statusesOf, textOf } from './diagnose.js'

const library = await installedNodeLlamaCpp()

describe.skipIf(library === undefined)('the doctor of a gateway with a model', () => {
  const path = join(temporaryFolder(), 'tiny.gguf')
  writeTinyModel(path)
  const cache = temporaryFolder()
  const options = (model: string, folder = library ?? ''): string[] => [
    ...['--port', '0', '--model', model, '--model-library', folder, '--model-cache', cache],
  ]

  it.each([
    ['fine', options(path), ['ok', 'ok'], 'memory: '],
    ['not fetched', options('hf:a/b:Q8_0'), ['warning'], cache],
    ['missing', options(`${path}.missing`), ['problem'], 'ERR_MODEL_FILE'],
    ['without a library', options(path, '/'), ['problem'], 'ERR_MODEL_LIBRARY'],
  ])('finds one that is %s', async (_, args, statuses, text) => {
    const report = await diagnose(args)
    expect(statusesOf(report, 'model')).toEqual(statuses)
    expect(textOf(report, 'model')).toContain(text)
  })

  it('and its start find one that needs more memory than there is', async () => {
    vi.spyOn(process, 'availableMemory').mockReturnValue(1000)
    try {
      expect(textOf(await diagnose(options(path)), 'model')).toContain('ERR_MODEL_MEMORY')
      const start = testGateway({ args: options(path) })
      await expect(start).rejects.toMatchObject({ code: 'ERR_MODEL_MEMORY' })
    } finally {
      vi.restoreAllMocks()
    }
  })

  it.skipIf(process.platform === 'win32')('finds one that others can change', async () => {
    chmodSync(path, 0o666)
    expect(textOf(await diagnose(options(path)), 'files')).toContain(path)
  })
})
