import { tpmVector, type QuoteVector } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { appraise } from '../src/index.js'
import { parsePublic, type TpmtPublic } from '../src/structures/index.js'
import { akCertificate, ekCertificate } from '../src/x509/index.js'
import { idsWith } from './support/appraisal.js'
import { EC_AK, ENDORSED, NOW, outcome } from './support/certificates.js'

interface AkCertificateVector extends Pick<QuoteVector, 'payload_id' | 'tpm_attestation'> {
  ak_certificate_pem: string
  intermediates_pem: string[]
  trust_anchors_pem: string[]
  expect: { fail: string[] }
}

interface EkVector {
  ek_certificate_pem: string
  issuer_pem: string
  root_pem: string
  ek_pubkey_b64: string
}

const chainOf = (vector: AkCertificateVector) => ({
  leaf: vector.ak_certificate_pem,
  intermediates: vector.intermediates_pem,
  roots: vector.trust_anchors_pem,
})

const ekChainOf = (vector: EkVector, intermediates = [vector.issuer_pem]) => ({
  leaf: vector.ek_certificate_pem,
  intermediates,
  roots: [vector.root_pem],
})

const derOf = (pem: string): Uint8Array =>
  Buffer.from(pem.replace(/-----.*?-----|\s/g, ''), 'base64')

describe('AK certificates made with OpenSSL', () => {
  it.each([
    'akcert-good-rsa',
    'akcert-good-p256',
    'akcert-wrong-eku',
    'akcert-untrusted',
    'akcert-missing-intermediate',
    'akcert-expired',
  ])('%s fails in the expected checks only', async (name) => {
    const vector = tpmVector<AkCertificateVector>(name)
    const result = await appraise(vector.tpm_attestation, {
      nonce: { payloadId: vector.payload_id, mode: 'sha256' },
      requiredPcrs: 'sha256:0,7,10',
      trust: [akCertificate(chainOf(vector))],
      now: NOW,
    })
    const expected = vector.expect.fail.length === 0 ? [] : ['ak.trust', ...vector.expect.fail]
    expect(idsWith(result, 'fail')).toEqual(expected)
    expect(result.trust).toBe(expected.length === 0 ? 'endorsed' : 'unendorsed')
  })

  it('are parsed from DER and PEM alike', async () => {
    const { leaf, intermediates, roots } = chainOf(tpmVector('akcert-good-p256'))
    const anchor = akCertificate({
      leaf: derOf(leaf),
      intermediates: intermediates.map(derOf),
      roots: roots.map(derOf),
    })
    const key = { publicArea: EC_AK, name: new Uint8Array(34) }
    expect(anchor.kind).toBe('ak-certificate')
    expect(outcome(await anchor.endorse(key, NOW))).toEqual(ENDORSED)
  })
})

describe.each(['ek-rsa2048', 'ek-p384'])('the EK certificate of swtpm in %s', (name) => {
  const vector = tpmVector<EkVector>(name)
  const ek = parsePublic(Buffer.from(vector.ek_pubkey_b64, 'base64'))
  const appraised = async (intermediates: string[], key: TpmtPublic = ek) =>
    outcome(await ekCertificate(ekChainOf(vector, intermediates)).endorseEk(key, NOW))

  it('endorses its EK', async () => {
    expect(await appraised([vector.issuer_pem])).toEqual(ENDORSED)
  })

  it('endorses nothing without its issuer', async () => {
    expect(await appraised([])).toEqual({ trust: 'unendorsed', chain: 'CERTIFICATE_UNTRUSTED' })
  })

  it('does not endorse another key', async () => {
    expect(await appraised([vector.issuer_pem], EC_AK)).toMatchObject({
      trust: 'unendorsed',
      key: 'CERTIFICATE_OTHER_KEY',
    })
  })

  it('is not an AK certificate', async () => {
    const anchor = akCertificate(ekChainOf(vector))
    const key = { publicArea: ek, name: new Uint8Array(34) }
    expect(outcome(await anchor.endorse(key, NOW))).toEqual({
      trust: 'unendorsed',
      eku: 'CERTIFICATE_OTHER_PURPOSE',
      leaf: 'CERTIFICATE_KEY_USAGE',
    })
  })
})
