import { readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '@nomyo-internal/testing'
import { addApiKey, runKeys } from './support.js'

const folder = temporaryFolder()
const newFile = (): string => join(folder, `${crypto.randomUUID()}.json`)

/** A lock that has been there for a minute. */
async function putOldLock(file: string, text: string): Promise<void> {
  await writeFile(`${file}.lock`, text)
  const old = new Date(Date.now() - 60_000)
  await utimes(`${file}.lock`, old, old)
}

describe.concurrent('changes at the same moment', () => {
  it('wait for a lock', async () => {
    // Of a running process, of another host, of an unknown owner.
    const texts = [`${process.pid} ${hostname()}`, '1 elsewhere', '']
    await Promise.all(
      texts.map(async (text) => {
        const file = newFile()
        await putOldLock(file, text)
        const early = runKeys(file, 'add')
        setTimeout(() => void rm(`${file}.lock`), 3000)
        expect(await early).toMatchObject({ code: 0 })
      }),
    )
  })

  it('leave a lock alone that stays', async () => {
    const file = newFile()
    await addApiKey(file)
    await putOldLock(file, '1 elsewhere')
    const before = await readFile(file, 'utf8')
    expect(await runKeys(file, 'add')).toMatchObject({ code: 1, stdout: '' })
    expect(await readFile(file, 'utf8')).toBe(before)
    expect(await readFile(`${file}.lock`, 'utf8')).toBe('1 elsewhere')
  })
})
