import { testArguments } from '@nomyo-internal/testing'
import { onTestFinished } from 'vitest'
import * as errors from '../src/errors.js'
import * as root from '../src/index.js'
import { TpmError } from '../src/errors.js'

/** Reached where arguments are right: nothing answers in this test. */
class Sent extends Error {}

const send: root.SendCommand = () => Promise.reject(new Sent())
const transport: root.TpmTransport = {
  transmit: () => Promise.reject(new Sent()),
  close: () => Promise.resolve(),
}

class TpmWithoutQueue extends root.Tpm {
  override exclusive<T>(sequence: (send: root.SendCommand) => Promise<T>): Promise<T> {
    return sequence(send)
  }
}
const tpm = new TpmWithoutQueue(transport)
const bytes = new Uint8Array(16)
const selection = [{ hash: 'sha256', pcrs: [0, 7] }]

/** The call, which is right where it sends a command. */
const sending =
  (call: (...values: never[]) => unknown) =>
  async (...values: never[]): Promise<void> => {
    try {
      await call(...values)
    } catch (error) {
      if (!(error instanceof Sent)) throw error
    }
  }

/** A command; a function of the caller's own in the place of `send` answers as it likes. */
const command =
  (call: (...values: never[]) => unknown) =>
  async (...values: never[]): Promise<void> => {
    const [own] = values
    if (typeof own === 'function' && own !== send) return
    await sending(call)(...values)
  }

const made = (options: never): root.Tpm => {
  const one = new root.Tpm(transport, options)
  onTestFinished(() => one.close())
  return one
}

testArguments(
  [root, errors],
  {
    TpmError: 'an error of this package, which checks nothing',
    Tpm: [
      { call: made, args: { options: { timeoutMs: 1000, maxQueued: 1 } } },
      // An address or a transport.
      { call: (own) => new root.Tpm(own), args: { tpm: transport }, any: ['tpm'] },
    ],
    'Tpm.exclusive': [
      {
        call: (sequence) => new root.Tpm(transport).exclusive(sequence),
        args: { sequence: () => Promise.resolve() },
      },
    ],
    certify: [
      {
        call: command(root.certify),
        args: { send, options: { object: 1, signer: 2, extraData: bytes } },
      },
    ],
    createPrimary: [
      {
        call: command(root.createPrimary),
        args: {
          send,
          input: { hierarchy: 'endorsement', hierarchyAuth: bytes, template: bytes },
        },
      },
    ],
    createQuoter: [
      {
        call: sending(root.createQuoter),
        args: {
          options: { tpm, pcrs: 'sha256:0', ak: { mode: 'persistent' } },
        },
      },
      {
        call: sending((ak) => root.createQuoter({ tpm, pcrs: 'sha256:0', ak })),
        args: { ak: { mode: 'ephemeral', endorsementAuth: bytes } },
      },
      {
        call: sending((ak) => root.createQuoter({ tpm, pcrs: 'sha256:0', ak })),
        args: {
          ak: { mode: 'persistent', handle: 0x81000000, ownerAuth: bytes, endorsementAuth: bytes },
        },
      },
    ],
    createTpmTransport: [{ call: root.createTpmTransport, args: { address: 'device' } }],
    evictControl: [
      {
        call: command(root.evictControl),
        args: { send, input: { object: 1, persistent: 0x81000000, ownerAuth: bytes } },
      },
    ],
    flushContext: [{ call: command(root.flushContext), args: { send, handle: 1 } }],
    openCredential: [
      {
        call: sending(root.openCredential),
        args: {
          tpm,
          options: { object: 1, idObject: bytes, encryptedSecret: bytes, endorsementAuth: bytes },
        },
      },
    ],
    pcrRead: [{ call: command(root.pcrRead), args: { send, selection } }],
    readEndorsementKey: [
      { call: sending(root.readEndorsementKey), args: { tpm, endorsementAuth: bytes } },
    ],
    readPublic: [{ call: command(root.readPublic), args: { send, handle: 1 } }],
  },
  (error) => error instanceof TpmError && error.code.startsWith('ERR_TPM_'),
  [tpm, transport],
)
