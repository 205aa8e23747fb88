import { createHash, createPublicKey, verify } from 'node:crypto'
import { parseAttest, parsePublic, parseSignature } from '@nomyo/attest/structures'
import { expect } from 'vitest'
import type { Quote } from '../../src/index.js'

export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

/** Verifies the signature, the PCR values and the nonce of a quote. */
export function verifyQuote(quote: Quote, extraData: Uint8Array): void {
  const statement = fromBase64(quote.quote_b64)
  verifySignature(statement, fromBase64(quote.signature_b64), fromBase64(quote.aik_pubkey_b64))

  const attest = parseAttest(statement)
  expect(attest.extraData).toEqual(new Uint8Array(extraData))
  if (attest.attested.type !== 'quote') throw new Error(`a ${attest.attested.type}, not a quote`)
  const hash = createHash('sha256')
  for (const part of quote.pcr_banks.split('+')) {
    const [bank = '', pcrs = ''] = part.split(':')
    for (const pcr of pcrs.split(',')) hash.update(quote.pcr_values[bank]?.[pcr] ?? '', 'hex')
  }
  expect(new Uint8Array(hash.digest())).toEqual(attest.attested.pcrDigest)
}

/** Verifies ECDSA with SHA-256 by OpenSSL, over exactly these bytes. */
export function verifySignature(
  statement: Uint8Array,
  signatureBytes: Uint8Array,
  publicArea: Uint8Array,
): void {
  const key = parsePublic(publicArea)
  const signature = parseSignature(signatureBytes)
  if (key.type !== 'ECC' || signature.scheme !== 'ECDSA') throw new Error('not ECDSA')
  const padded = (bytes: Uint8Array): Buffer =>
    Buffer.concat([Buffer.alloc(32 - bytes.length), bytes])
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: padded(key.x).toString('base64url'),
    y: padded(key.y).toString('base64url'),
  }
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  const rs = Buffer.concat([padded(signature.r), padded(signature.s)])
  const valid = verify('sha256', statement, { key: publicKey, dsaEncoding: 'ieee-p1363' }, rs)
  expect(valid).toBe(true)
}
