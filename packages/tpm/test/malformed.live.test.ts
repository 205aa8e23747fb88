import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  Tpm,
  TpmError,
  createQuoter,
  createTpmTransport,
  readEndorsementKey,
  type TpmTransport,
} from '../src/index.js'
import { expectCode } from './support/errors.js'
import { startSwtpm, isInstalled } from '@nomyo-internal/testing'

/** Operations on the TPM; each of their commands has one recorded response. */
async function useTpm(transport: TpmTransport): Promise<void> {
  const tpm = new Tpm(transport, { timeoutMs: 1000 })
  await createQuoter({ tpm, pcrs: 'sha256:0,1,2,3,4,5,6,7,8,9+sha1:0' })
  await readEndorsementKey(tpm)
}

/** Replays the recorded responses, whatever the commands are. */
function replay(answers: readonly Uint8Array[]): TpmTransport {
  let next = 0
  return {
    transmit: () => {
      const answer = answers[next++]
      return answer === undefined ? Promise.reject(new Error('no more')) : Promise.resolve(answer)
    },
    close: () => Promise.resolve(),
  }
}

/** The first `length` bytes, padded with zeros, under a header with that length. */
function resized(answer: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes.set(answer.subarray(0, length))
  new DataView(bytes.buffer).setUint32(2, length)
  return bytes
}

const replaced = (answers: readonly Uint8Array[], index: number, answer: Uint8Array) =>
  answers.map((original, at) => (at === index ? answer : original))

describe.skipIf(!isInstalled('swtpm'))('the responses of a TPM', () => {
  const answers: Uint8Array[] = []
  /** Those without an error: an error is a header, and bytes after it are ignored. */
  let successes: [index: number, answer: Uint8Array][] = []

  beforeAll(async () => {
    const swtpm = await startSwtpm()
    const inner = createTpmTransport(swtpm.address)
    await useTpm({
      transmit: async (command) => {
        const answer = await inner.transmit(command)
        answers.push(answer)
        return answer
      },
      close: () => inner.close(),
    })
    await inner.close()
    await swtpm.stop()
    successes = [...answers.entries()].filter(([, answer]) => answer[8] === 0 && answer[9] === 0)
  })

  it('are accepted unchanged', async () => {
    expect(successes.length).toBeGreaterThan(9)
    await useTpm(replay(answers))
  })

  it('are refused when cut off at any byte', async () => {
    for (const [index, answer] of successes) {
      for (let length = 10; length < answer.length; length++) {
        const cut = replaced(answers, index, resized(answer, length))
        await expectCode(useTpm(replay(cut)), 'ERR_TPM_RESPONSE')
      }
    }
  })

  it('are refused with bytes after them', async () => {
    for (const [index, answer] of successes) {
      const longer = replaced(answers, index, resized(answer, answer.length + 1))
      await expectCode(useTpm(replay(longer)), 'ERR_TPM_RESPONSE')
    }
  })

  it('cause nothing but a TpmError, with any content', async () => {
    const corruption = fc
      .nat({ max: answers.length - 1 })
      .chain((index) =>
        fc.tuple(
          fc.constant(index),
          fc.nat({ max: (answers[index]?.length ?? 1) - 1 }),
          fc.integer({ min: 1, max: 255 }),
        ),
      )
    await fc.assert(
      fc.asyncProperty(corruption, async ([index, at, bits]) => {
        const bytes = answers[index]!.slice()
        bytes[at]! ^= bits
        const error: unknown = await useTpm(replay(replaced(answers, index, bytes))).catch(
          (reason: unknown) => reason,
        )
        expect(error === undefined || error instanceof TpmError).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
