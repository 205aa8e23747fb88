import { openJson } from '@nomyo/crypto'
import { responseVectors } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { checkPayloadId, toChatCompletion } from '../src/completion/read-completion.js'
import { testKey } from './support.js'
import { withCode } from '@nomyo-internal/testing'

const { privateKey } = await testKey('client')

describe('answers that the reference client decrypted', () => {
  it.each(responseVectors())('become the same completion here: $name', async (vector) => {
    const opened = await openJson(new TextEncoder().encode(vector.body), privateKey)
    expect(toChatCompletion(opened, vector.payload_id)).toEqual(vector.expected)
  })

  it.each(responseVectors())('are held against the request: $name', async (vector) => {
    const { value } = await openJson(new TextEncoder().encode(vector.body), privateKey)
    const check = (): void => {
      checkPayloadId(value, vector.payload_id)
    }
    // One of them names another request; the reference client stamps its own id over it.
    if (vector.name === 'inner metadata overwritten by client fields') {
      expect(check).toThrow(withCode('ERR_REPLY_MISMATCH'))
    } else {
      expect(check).not.toThrow()
    }
  })
})
