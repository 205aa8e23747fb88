import { expect } from 'vitest'

/** Matches an error with this code. */
export const withCode = (code: string): Error => expect.objectContaining({ code }) as Error

/** Checks that a promise rejects with an error that has this code. */
export const expectCode = (promise: Promise<unknown>, code: string): Promise<void> =>
  expect(promise).rejects.toMatchObject({ code })
