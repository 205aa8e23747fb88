import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

/** Something that runs until it is stopped. */
export interface Stoppable {
  stop(): unknown
}

/** Stops a resource once the current test has finished. */
export function stopAfterTest<T extends Stoppable>(resource: T): T {
  onTestFinished(async () => {
    await resource.stop()
  })
  return resource
}

/**
 * Starts a resource before the tests of the current file or group, and stops it after them.
 *
 * @returns a getter for the resource, usable in tests and later hooks
 */
export function shared<T extends Stoppable>(start: () => Promise<T>): () => T {
  let resource: T | undefined
  beforeAll(async () => {
    resource = await start()
  })
  afterAll(async () => {
    await resource?.stop()
  })
  return () => {
    if (resource === undefined) throw new Error('used before the tests of the group have started')
    return resource
  }
}

/**
 * Creates an empty folder that only this user can read. It is removed after the current test, or after
 * the tests of the file or group when called while they are collected. Hooks cannot call it.
 */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-test-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    onTestFinished(remove)
  } catch {
    // Not within a test.
    afterAll(remove)
  }
  return folder
}

/** Writes files into a folder, with the folders on their paths. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}
