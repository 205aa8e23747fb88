import { expect } from 'vitest'
import { TpmError, type TpmErrorCode } from '../../src/errors.js'

export async function expectCode(
  promise: Promise<unknown>,
  code: TpmErrorCode,
  responseCode?: number,
): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(TpmError)
  expect([(error as TpmError).code, (error as TpmError).responseCode]).toEqual([code, responseCode])
}
