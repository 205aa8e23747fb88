import { testArguments } from '@nomyo-internal/testing'
import { tpmVector } from '@nomyo-internal/testing/vectors'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import * as certify from '../src/certify/index.js'
import * as credential from '../src/credential/index.js'
import * as errors from '../src/errors.js'
import * as eventlog from '../src/eventlog/index.js'
import * as ima from '../src/ima/index.js'
import * as root from '../src/index.js'
import * as policyFile from '../src/policy/file.js'
import * as receipts from '../src/receipt/index.js'
import * as structures from '../src/structures/index.js'
import * as x509 from '../src/x509/index.js'
import { NOW, akLeaf, authority } from './support/certificates.js'

interface Activated {
  ek_pubkey_b64: string
  ak_name: string
}

const DOCUMENTED = [
  root.PolicyError,
  root.TpmParseError,
  root.AttestationError,
  errors.ReceiptError,
]
const REASON = 'an error of this package, which checks nothing'

const key = forgeKey()
const akName = new Uint8Array(Buffer.from(forgedName(key), 'hex'))
const anchor = root.pinnedAk(akName)
const nonce = { extraData: new Uint8Array(32).fill(1) }
const evidence = forgeQuote(nonce.extraData, { key })
const decoded = structures.decodeEvidence(evidence)
const selection = [{ hash: 'sha256', pcrs: [0, 7] }] as const
const rules = { requiredPcrs: 'sha256:0,7', trust: [anchor] } as const
const result = await root.appraise(evidence, { ...rules, nonce })
const document = { requiredPcrs: 'sha256:0,7', referenceValues: PCR_VALUES, comment: 'x' }
const pinned = { ...document, pinnedAkNames: [forgedName(key)] }
const policy = policyFile.parsePolicyFile(policyFile.formatPolicyFile(pinned))

const activated = tpmVector<Activated>('credential-activated')
const ek = structures.parsePublic(new Uint8Array(Buffer.from(activated.ek_pubkey_b64, 'base64')))
const ekAnchor = credential.pinnedEk(await structures.computeName(ek))
const bytes = new Uint8Array(32)
const statement = { attest: bytes, signature: bytes, akPublic: bytes }
const ca = authority('CA')
const leaf = akLeaf(ca)

const facts = {
  writtenBy: 'test/1',
  payloadId: 'id',
  payloadIdMode: 'sha256',
  algorithm: 'x',
  serverKey: 'sha256/x',
  createdAt: NOW,
  request: {},
  answer: {},
  evidence,
  keyEvidence: { spki: bytes, nonce: bytes, evidence },
  policy: policy.document,
  result,
} as const
const receipt = await receipts.createReceipt(facts)

testArguments(
  [root, certify, credential, errors, eventlog, ima, policyFile, receipts, structures, x509],
  {
    AttestationError: REASON,
    PolicyError: REASON,
    ReceiptError: REASON,
    TpmParseError: REASON,

    appraise: [
      {
        call: root.appraise,
        args: {
          evidence,
          policy: {
            ...rules,
            nonce,
            qualifiedSigner: bytes,
            referenceValues: PCR_VALUES,
            firmware: { allowed: ['0x00'] },
            freshness: { nonceMadeAt: NOW, maxAgeMs: 1000 },
            now: NOW,
            eventLog: eventlog.measuredBoot({ log: bytes }),
            ima: ima.imaLog({ log: '' }),
          },
        },
        // Evidence comes from the server: of any kind, it fails.
        any: ['evidence', ...Object.keys(evidence).map((name) => `evidence.${name}`)],
      },
      ...[
        { extraData: bytes },
        { payloadId: 'a'.repeat(32), mode: 'sha256' },
        { nonce: bytes, spki: bytes },
        { nonce: bytes, statement: bytes },
      ].map((expectation) => ({
        call: (value: never) => root.appraise(evidence, { ...rules, nonce: value }),
        args: { expectation },
      })),
      {
        call: (freshness) => root.appraise(evidence, { ...rules, nonce, now: NOW, freshness }),
        args: { freshness: { nonceMadeAt: NOW, maxAgeMs: 1000 } },
      },
    ],
    attestationPolicy: [{ call: root.attestationPolicy, args: { rules } }],
    formatPcrSelection: [{ call: root.formatPcrSelection, args: { selection } }],
    keyBindingExtraData: [
      { call: root.keyBindingExtraData, args: { binding: { nonce: bytes, spki: bytes } } },
    ],
    parsePcrSelection: [{ call: root.parsePcrSelection, args: { text: 'sha256:0' } }],
    payloadIdExtraData: [{ call: root.payloadIdExtraData, args: { payloadId: 'id' } }],
    pinnedAk: [{ call: root.pinnedAk, args: { name: akName } }],
    requireTier: [
      {
        call: (value, tier) => {
          const require: (value: never, tier: 'none') => void = root.requireTier
          require(value, tier)
        },
        args: { result, tier: 'warning' },
      },
    ],
    statementExtraData: [
      { call: root.statementExtraData, args: { binding: { nonce: bytes, statement: bytes } } },
    ],

    certifiedBy: [{ call: certify.certifiedBy, args: { parent: anchor, evidence: statement } }],
    pcrPolicyDigest: [
      {
        call: certify.pcrPolicyDigest,
        args: { selection, values: PCR_VALUES, hash: 'sha256' },
      },
    ],
    verifyCertify: [
      {
        call: certify.verifyCertify,
        args: {
          evidence: { ...statement, certifiedPublic: bytes },
          policy: { nonce, trust: [anchor], authPolicy: bytes, now: NOW },
        },
        any: Object.keys(statement)
          .concat('certifiedPublic')
          .map((name) => `evidence.${name}`),
      },
    ],
    verifyCreation: [
      {
        call: certify.verifyCreation,
        args: {
          evidence: { ...statement, certifiedPublic: bytes },
          policy: { nonce, trust: [anchor], authPolicy: bytes, now: NOW },
        },
        any: Object.keys(statement)
          .concat('certifiedPublic')
          .map((name) => `evidence.${name}`),
      },
    ],

    activatedAk: [
      {
        call: credential.activatedAk,
        args: { record: { akName, ek, secret: bytes, activatedSecret: bytes, ekAnchor } },
      },
    ],
    makeCredential: [{ call: credential.makeCredential, args: { ek, akName, secret: bytes } }],
    pinnedEk: [{ call: credential.pinnedEk, args: { name: akName } }],

    isDataMeasured: [{ call: eventlog.isDataMeasured, args: { type: 1 }, any: ['type'] }],
    measuredBoot: [
      {
        call: eventlog.measuredBoot,
        args: { options: { log: bytes, pcrs: [0], allowedEventTypes: [1], allow: () => true } },
        // A log may come from the server.
        any: ['options.log'],
      },
    ],
    parseEventLog: [{ call: eventlog.parseEventLog, args: { bytes } }],
    replayEventLog: [{ call: eventlog.replayEventLog, args: { events: [], bank: 'sha256' } }],

    imaLog: [
      {
        call: ima.imaLog,
        args: { options: { log: '', allow: () => true, violations: 'fail' } },
        any: ['options.log'],
      },
    ],
    parseImaLog: [{ call: ima.parseImaLog, args: { ascii: '' } }],
    replayImaLog: [
      {
        call: ima.replayImaLog,
        args: { entries: [], bank: 'sha256', input: { paddedSha1: true } },
        any: ['input.paddedSha1'],
      },
    ],

    formatPolicyFile: [{ call: policyFile.formatPolicyFile, args: { policy: pinned } }],
    parsePolicyFile: [
      { call: policyFile.parsePolicyFile, args: { text: policyFile.formatPolicyFile(pinned) } },
    ],

    appraiseReceipt: [
      { call: receipts.appraiseReceipt, args: { receipt, options: { policy, now: NOW } } },
    ],
    createReceipt: [
      {
        call: receipts.createReceipt,
        args: { input: facts },
        any: ['input.request', 'input.answer', 'input.evidence'],
      },
    ],
    digestMatches: [
      {
        call: receipts.digestMatches,
        args: { value: {}, subject: 'request', committed: receipt.request },
        any: ['value', 'committed.sha256', 'committed.salt'],
      },
      {
        call: (committed) => receipts.digestMatches({}, 'request', committed),
        args: { committed: { ...receipt.request } },
        // Members of a receipt: others match nothing.
        any: ['committed.sha256', 'committed.salt'],
      },
    ],
    parseReceipt: [{ call: receipts.parseReceipt, args: { text: JSON.stringify(receipt) } }],

    computeName: [{ call: structures.computeName, args: { publicArea: ek } }],
    computeQualifiedName: [
      {
        call: structures.computeQualifiedName,
        args: { parent: 'owner', name: akName },
        any: ['parent'],
      },
    ],
    decodeEvidence: [
      { call: structures.decodeEvidence, args: { json: evidence }, any: ['json.pcr_values'] },
    ],
    hashName: [{ call: structures.hashName, args: { id: 11 }, any: ['id'] }],
    parseAttest: [{ call: structures.parseAttest, args: { bytes: decoded.quote } }],
    parsePublic: [{ call: structures.parsePublic, args: { bytes: decoded.akPublic } }],
    parseSignature: [{ call: structures.parseSignature, args: { bytes: decoded.signature } }],

    akCertificate: [
      {
        call: x509.akCertificate,
        args: { options: { leaf, intermediates: [], roots: [ca.certificate] } },
        // These come with the evidence: of any kind, they endorse nothing.
        any: ['options.leaf', 'options.intermediates'],
      },
    ],
    ekCertificate: [
      {
        call: x509.ekCertificate,
        args: { chain: { leaf, intermediates: [], roots: [ca.certificate] } },
        any: ['chain.leaf', 'chain.intermediates'],
      },
    ],
  },
  (error) => DOCUMENTED.some((known) => error instanceof known),
  [anchor, ekAnchor, ek, result, policy, receipt],
)
