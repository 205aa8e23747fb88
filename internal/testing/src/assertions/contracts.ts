import { createRequire } from 'node:module'
import { expect } from 'vitest'

/** Loads an entry point of a package from source, imported and required. */
export const buildsOf = async (testFile: string, name: string): Promise<object[]> => [
  (await import(new URL(`../src/${name}.ts`, testFile).href)) as object,
  (await import(new URL(`../dist/${name}.js`, testFile).href)) as object,
  createRequire(testFile)(`../dist/${name}.js`) as object,
]

/** Matches an error with this code. */
export const withCode = (code: string): Error => expect.objectContaining({ code }) as Error

/** Checks that a promise rejects with an error that has this code. */
export const expectCode = (promise: Promise<unknown>, code: string): Promise<void> =>
  expect(promise).rejects.toMatchObject({ code })
