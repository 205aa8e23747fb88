import { describe, it } from 'vitest'
import {
  certifiedBy,
  pcrPolicyDigest,
  verifyCertify,
  verifyCreation,
} from '../src/certify/index.js'
import { activatedAk, makeCredential, pinnedEk } from '../src/credential/index.js'
import { AttestationError, PolicyError, ReceiptError, TpmParseError } from '../src/errors.js'
import { measuredBoot, parseEventLog, replayEventLog } from '../src/eventlog/index.js'
import { imaLog, parseImaLog, replayImaLog } from '../src/ima/index.js'
import {
  appraise,
  attestationPolicy,
  formatPcrSelection,
  keyBindingExtraData,
  parsePcrSelection,
  payloadIdExtraData,
  pinnedAk,
  requireTier,
  statementExtraData,
} from '../src/index.js'
import { formatPolicyFile, parsePolicyFile } from '../src/policy/file.js'
import { appraiseReceipt, digestMatches, parseReceipt } from '../src/receipt/index.js'
import {
  computeName,
  computeQualifiedName,
  decodeEvidence,
  parseAttest,
  parsePublic,
  parseSignature,
} from '../src/structures/index.js'
import { akCertificate, ekCertificate } from '../src/x509/index.js'

/** Values of every kind, each wrong for most arguments. */
const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  Number.NaN,
  1n,
  'text',
  Symbol('s'),
  [],
  ['text'],
  [null],
  {},
  { length: 1 },
  new Uint16Array(8),
  new ArrayBuffer(8),
  new URL('https://example.com'),
  Object.create(null),
  () => 'text',
]

const DOCUMENTED = [PolicyError, ReceiptError, TpmParseError, AttestationError]

const FUNCTIONS: Readonly<Record<string, (value: never) => unknown>> = {
  activatedAk,
  akCertificate,
  'appraise evidence': (value) =>
    appraise(value, {
      nonce: { extraData: new Uint8Array(1) },
      requiredPcrs: 'sha256:0',
      trust: 'none',
    }),
  'appraise policy': (value) => appraise({}, value),
  appraiseReceipt,
  attestationPolicy,
  certifiedBy: (value) => certifiedBy(value, value),
  computeName,
  'computeQualifiedName parent': (value) => computeQualifiedName(value, new Uint8Array(34)),
  'computeQualifiedName name': (value) => computeQualifiedName('owner', value),
  decodeEvidence,
  'digestMatches digest': (value) => digestMatches({}, 'request', value),
  ekCertificate,
  formatPcrSelection,
  formatPolicyFile,
  imaLog,
  'imaLog log': (value) => imaLog({ log: value }).appraise({}),
  statementExtraData,
  'statementExtraData statement': (value) =>
    statementExtraData({ nonce: new Uint8Array(32), statement: value }),
  keyBindingExtraData,
  'makeCredential ek': (value) => makeCredential(value, new Uint8Array(34), new Uint8Array(32)),
  measuredBoot,
  'measuredBoot log': (value) => measuredBoot({ log: value }).appraise({}),
  'measuredBoot pcrs': (value) => measuredBoot({ log: new Uint8Array(1), pcrs: value }),
  parseAttest,
  parseEventLog,
  parseImaLog,
  parsePcrSelection,
  parsePolicyFile,
  parsePublic,
  parseReceipt,
  parseSignature,
  payloadIdExtraData,
  pcrPolicyDigest: (value) => pcrPolicyDigest(value, value),
  pinnedAk,
  pinnedEk,
  'replayEventLog events': (value) => replayEventLog(value, 'sha256'),
  'replayImaLog entries': (value) => replayImaLog(value, 'sha256'),
  'requireTier result': (value) => {
    const require: (result: never, tier: 'none') => void = requireTier
    require(value, 'none')
  },
  'verifyCertify evidence': (value) => verifyCertify(value, {} as never),
  'verifyCreation evidence': (value) => verifyCreation(value, {} as never),
}

describe('an argument of the wrong kind', () => {
  it.each(Object.entries(FUNCTIONS))(
    'causes a documented error or none: %s',
    async (name, call) => {
      for (const [index, value] of VALUES.entries()) {
        try {
          await call(value as never)
        } catch (error) {
          const isDocumented = DOCUMENTED.some((known) => error instanceof known)
          if (!isDocumented) throw new Error(`${name}, value ${index}`, { cause: error })
        }
      }
    },
  )
})
