import {
  requireBytes,
  requireDate,
  requireObject,
  requireOneOf,
  requireText,
} from '../arguments.js'
import { ReceiptError } from '../attest-error.js'
import { encodeBase64 } from '../bytes/base64.js'
import { isRecord, parseJsonObject } from '../bytes/json.js'
import { decodeEvidence, type TpmAttestation } from '../evidence/evidence.js'
import type { AttestationResult } from '../result/result.js'
import { parsePcrSelection } from '../structures/pcr-selection.js'
import { saltedDigest } from './digest.js'
import {
  RECEIPT_FORMAT,
  WIRE_2_RECEIPT_FORMAT,
  type Receipt,
  type StatementEvidence,
  type Wire2Facts,
} from './receipt.js'
import { isWire2Facts } from './wire-2.js'

/** Input of a receipt: the facts of an answered request. */
export interface ReceiptInput extends Pick<
  Receipt,
  'writtenBy' | 'payloadId' | 'payloadIdMode' | 'algorithm' | 'serverKey'
> {
  readonly createdAt: Date
  /** JSON value of the plaintext request. */
  readonly request: unknown
  /** JSON value of the plaintext answer. */
  readonly answer: unknown
  /** `tpm_attestation` of the answer, as received. */
  readonly evidence: unknown
  /** Evidence that endorses the server key, where it was requested. */
  readonly keyEvidence:
    | { readonly spki: Uint8Array; readonly nonce: Uint8Array; readonly evidence: unknown }
    | undefined
  readonly policy: Receipt['policy'] | undefined
  readonly result: AttestationResult | undefined
  /** Facts about the exchange over wire 2. Default: the exchange was one over wire 1. */
  readonly wire?: Wire2Input | undefined
}

/** Facts about an exchange over wire 2, as its client has them. */
export interface Wire2Input {
  /** Body of `GET /pki/wire2`, or of the evidence over it: the statement and its signatures. */
  readonly document: Uint8Array
  /** Encapsulated secret at the start of the request. */
  readonly enc: Uint8Array
  /** Evidence that endorses the statement, where it was requested. */
  readonly evidence?: { readonly nonce: Uint8Array; readonly evidence: unknown } | undefined
}

/**
 * Creates the receipt of an answer. Never throws because of the content of the answer.
 *
 * @throws ReceiptError `ERR_RECEIPT_INVALID` when the document of wire 2 holds no statement
 */
export async function createReceipt(input: ReceiptInput): Promise<Receipt> {
  requireInput(input)
  const { keyEvidence, result, wire } = input
  const forKey = keyEvidence === undefined ? null : sound(keyEvidence.evidence)
  const [request, answer] = await Promise.all([
    saltedDigest(input.request, 'request'),
    saltedDigest(input.answer, 'answer'),
  ])
  return {
    format: wire === undefined ? RECEIPT_FORMAT : WIRE_2_RECEIPT_FORMAT,
    createdAt: input.createdAt.toISOString(),
    writtenBy: input.writtenBy,
    payloadId: input.payloadId,
    payloadIdMode: input.payloadIdMode,
    algorithm: input.algorithm,
    serverKey: input.serverKey,
    request,
    answer,
    evidence: sound(input.evidence),
    keyEvidence:
      keyEvidence === undefined || forKey === null
        ? null
        : {
            spki: encodeBase64(keyEvidence.spki),
            nonce: encodeBase64(keyEvidence.nonce),
            evidence: forKey,
          },
    policy: input.policy ?? null,
    result:
      result === undefined
        ? null
        : { tier: result.tier, trust: result.trust, checks: result.checks },
    ...(wire === undefined ? {} : { wire: wireFacts(wire) }),
  }
}

function requireInput(input: ReceiptInput): void {
  requireObject(input, 'input')
  for (const name of ['writtenBy', 'payloadId', 'algorithm', 'serverKey'] as const) {
    requireText(input[name], name)
  }
  requireOneOf(input.payloadIdMode, 'payloadIdMode', ['sha256'])
  requireDate(input.createdAt, 'createdAt')
  const { keyEvidence, policy, result, wire } = input
  for (const [name, value] of Object.entries({ keyEvidence, policy, result, wire })) {
    if (value !== undefined) requireObject(value, name)
  }
  if (keyEvidence !== undefined) {
    requireBytes(keyEvidence.spki, 'keyEvidence.spki')
    requireBytes(keyEvidence.nonce, 'keyEvidence.nonce')
  }
  if (wire !== undefined) {
    requireBytes(wire.document, 'wire.document')
    requireBytes(wire.enc, 'wire.enc')
  }
}

function wireFacts({ document, enc, evidence }: Wire2Input): Wire2Facts {
  const published = parseJsonObject(new TextDecoder().decode(document))
  const facts = {
    version: 2,
    statement: published?.['statement'],
    signatures: signaturesOf(published?.['signatures']),
    enc: encodeBase64(enc),
    evidence: evidence === undefined ? null : statementEvidence(evidence),
  }
  if (!isWire2Facts(facts)) throw new ReceiptError('the document of wire 2 has no statement')
  return facts
}

function statementEvidence({
  nonce,
  evidence,
}: NonNullable<Wire2Input['evidence']>): StatementEvidence | null {
  const received = sound(evidence)
  return received === null ? null : { nonce: encodeBase64(nonce), evidence: received }
}

/** Keeps the two known members: a gateway may publish others. */
function signaturesOf(value: unknown): readonly unknown[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : []
  return list
    .filter(isRecord)
    .map((entry) => ({ identity: entry['identity'], signature: entry['signature'] }))
}

/**
 * Returns well-formed evidence without other members that a server put there: a receipt must not carry
 * text of an answer.
 */
function sound(json: unknown): TpmAttestation | null {
  try {
    const { pcrBanks, pcrValues, quote, signature, akPublic } = decodeEvidence(json)
    parsePcrSelection(pcrBanks)
    return {
      is_available: true,
      pcr_banks: pcrBanks,
      pcr_values: pcrValues,
      quote_b64: encodeBase64(quote),
      signature_b64: encodeBase64(signature),
      aik_pubkey_b64: encodeBase64(akPublic),
    }
  } catch {
    return null
  }
}
