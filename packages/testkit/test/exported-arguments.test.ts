import { testArguments } from '@nomyo-internal/testing'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { importPrivateKey } from '@nomyo/crypto'
import { afterAll } from 'vitest'
import * as root from '../src/index.js'
import { faults } from '../src/index.js'

const serverKey = await importPrivateKey(keyPem('keys/server.private.pem'))
const gateway = await root.startTestGateway({ serverKey, wire: 2 })
afterAll(() => gateway.close())

const hang = faults.hang()
const forged = faults.forgedStatement()

testArguments(
  [root, faults],
  {
    TestkitError: 'an error of this package, which checks nothing',
    testKeyPair: 'no parameters',
    startTestGateway: [
      {
        call: async (given: unknown) => {
          const isOwn = Object.prototype.toString.call(given) === '[object Object]'
          // A new key takes seconds.
          const options = isOwn || given === undefined ? { serverKey, ...(given as object) } : given
          await (await root.startTestGateway(options as object)).close()
        },
        args: { options: { apiKey: 'key', answer: () => 'x', wire: 1 } },
      },
      {
        call: async (key) => {
          await (await root.startTestGateway({ serverKey: key })).close()
        },
        args: { serverKey },
      },
      { call: (fault) => gateway.next(fault), args: { fault: hang } },
      { call: (fault) => gateway.always(fault), args: { fault: hang } },
      { call: (fault) => gateway.keyFetch(fault), args: { fault: hang } },
      { call: (fault) => gateway.statementFetch(fault), args: { fault: forged } },
      { call: (next) => gateway.rotateKey(next), args: { next: serverKey } },
    ],

    altered: 'no parameters',
    empty: 'no parameters',
    expiredStatement: 'no parameters',
    forgedStatement: 'no parameters',
    garbageKey: 'no parameters',
    hang: 'no parameters',
    html: 'no parameters',
    otherIdentity: 'no parameters',
    otherRequest: 'no parameters',
    plaintext: 'no parameters',
    reflected: 'no parameters',
    replayed: 'no parameters',
    reset: 'no parameters',
    scalar: 'no parameters',
    truncated: 'no parameters',
    unknownRequestKey: 'no parameters',
    withoutEnd: 'no parameters',
    wrongRecipient: 'no parameters',

    compressedBomb: [
      { call: faults.compressedBomb, args: { options: { status: 200, bytes: 1000 } } },
    ],
    endless: [{ call: faults.endless, args: { options: { status: 200, chunkBytes: 1000 } } }],
    oversized: [{ call: faults.oversized, args: { options: { status: 200, bytes: 1000 } } }],
    modelError: [
      {
        call: faults.modelError,
        args: { error: { status: 400, message: 'x', type: 'x', param: 'x', code: 'x' } },
        // Null where a model server has none.
        any: ['error.type', 'error.param', 'error.code'],
      },
    ],
    otherClock: [{ call: faults.otherClock, args: { options: { seconds: 1 } } }],
    rateLimited: [{ call: faults.rateLimited, args: { options: { retryAfterSeconds: 1 } } }],
    redirect: [{ call: faults.redirect, args: { to: 'https://x.example', code: 307 } }],
    sealedStatus: [
      { call: faults.sealedStatus, args: { code: 400, detail: 'x' }, any: ['detail'] },
    ],
    slowBody: [{ call: faults.slowBody, args: { options: { bytesPerSecond: 1 } } }],
    status: [{ call: faults.status, args: { code: 400, detail: 'x' }, any: ['detail'] }],
    tampered: [{ call: faults.tampered, args: { part: 'ciphertext' } }],
    unavailable: [{ call: faults.unavailable, args: { options: { retryAfterSeconds: 1 } } }],
    weakKey: [{ call: faults.weakKey, args: { options: { bits: 1024 } } }],
  },
  (error) => error instanceof root.TestkitError && error.code.startsWith('ERR_'),
  [serverKey, hang, forged],
)
