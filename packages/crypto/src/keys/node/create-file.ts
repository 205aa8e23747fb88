import { link, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoCode, fileError } from './trusted-file.js'

/** Creates a folder for keys, which no other user can read, unless it exists. */
export async function createFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw fileError(`The folder ${folder} cannot be created (${errnoCode(error)}).`)
  })
}

/**
 * Creates a file that appears complete and with its final mode, or not at all: written under a
 * temporary name, flushed, then linked. Returns false when the name is taken.
 */
export async function createFile(
  folder: string,
  name: string,
  text: string,
  mode: number,
): Promise<boolean> {
  const path = join(folder, name)
  const temporaryPath = join(folder, `.${name}.${crypto.randomUUID()}`)
  try {
    const file = await open(temporaryPath, 'wx', mode)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(temporaryPath, path)
    return true
  } catch (error) {
    if (errnoCode(error) === 'EEXIST') return false
    throw fileError(`${path} cannot be written (${errnoCode(error)}).`)
  } finally {
    await rm(temporaryPath, { force: true }).catch(() => undefined)
  }
}
