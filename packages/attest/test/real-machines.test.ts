import { realEvidence } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import {
  measuredBoot,
  parseEventLog,
  replayEventLog,
  type MeasuredBootOptions,
} from '../src/eventlog/index.js'
import type { TpmtPublic } from '../src/structures/index.js'
import { parseCertificate } from '../src/x509/certificate.js'
import { akCertificate, ekCertificate } from '../src/x509/index.js'
import { certificateDer } from '../src/x509/pem.js'
import { outcome } from './support/certificates.js'

const der = (file: string): Uint8Array => certificateDer(realEvidence(file))
const read = (file: string) => parseCertificate(der(file))

/** The key of a certificate, as a TPM would give it. */
function keyIn(file: string): TpmtPublic {
  const { key } = read(file)
  return (key.type === 'RSA'
    ? { type: 'RSA', modulus: key.modulus, exponent: 65_537 }
    : { type: 'ECC', curveId: key.curveId, x: key.x, y: key.y }) as unknown as TpmtPublic
}

describe('certificates of real machines', () => {
  it.each([
    'amd-ftpm-ecc-ica-cz.der',
    'amd-ftpm-ecc-ica-phx-with-lf.der',
    'amd-ftpm-ecc-root-utf8.der',
    'azure-ak-nv-padded.der',
    'gce-ak-privateca-ecc.der',
    'gce-ak-uca-ecc.der',
    'intel-csme-adl-ek-p384.pem',
    'intel-ondie-ca-csme-intermediate.der',
    'intel-ondie-ca-root.der',
    'intel-tpm-ek-intermediate-bxt.der',
    'stm-ek-leaf.der',
    'stm-tpm-ecc-intermediate-ca-02.der',
    'stm-tpm-ecc-root-ca-01.der',
    'stm-tpm-ek-intermediate-ca-01.der',
  ])('%s is read', (file) => {
    expect(() => read(file)).not.toThrow()
  })

  it('the key of rsaesOaep of Nuvoton is not: no common verifier reads it either', () => {
    expect(() => read('nuvoton-ek-padded.der')).toThrow(/unknown type of key/)
  })

  it.each([
    ['intel-ondie-ca-csme-intermediate.der', 'intel-ondie-ca-root.der', '2019-06-01'],
    ['stm-tpm-ecc-intermediate-ca-02.der', 'stm-tpm-ecc-root-ca-01.der', '2024-01-01'],
    ['amd-ftpm-ecc-ica-cz.der', 'amd-ftpm-ecc-root-utf8.der', '2024-01-01'],
    ['amd-ftpm-ecc-ica-phx-with-lf.der', 'amd-ftpm-ecc-root-utf8.der', '2024-01-01'],
  ])('%s is signed by %s', async (leaf, root, date) => {
    const anchor = ekCertificate({ leaf: der(leaf), roots: [der(root)] })
    const found = outcome(await anchor.endorseEk(keyIn(leaf), new Date(date)))
    // CAs are no endorsement keys: the path is what is proven here.
    expect(found).not.toHaveProperty('chain')
    expect(found).not.toHaveProperty('validity')
    expect(found).not.toHaveProperty('key')
  })

  it.each(['stm-ek-leaf.der', 'intel-csme-adl-ek-p384.pem'])(
    'the EK in %s meets every check but that of the root, which is not here',
    async (leaf) => {
      const anchor = ekCertificate({ leaf: der(leaf), roots: [der('amd-ftpm-ecc-root-utf8.der')] })
      expect(outcome(await anchor.endorseEk(keyIn(leaf), new Date('2024-01-01')))).toEqual({
        trust: 'unendorsed',
        chain: 'CERTIFICATE_UNTRUSTED',
      })
    },
  )

  const akOutcome = async (leaf: string, issuer?: 'google-compute-engine') => {
    const roots = [der('amd-ftpm-ecc-root-utf8.der')]
    const { notBefore } = read(leaf)
    const key = { publicArea: keyIn(leaf), name: new Uint8Array(34) }
    const anchor = akCertificate({ leaf: der(leaf), roots, issuer })
    return outcome(await anchor.endorse(key, new Date(notBefore)))
  }
  const NO_ROOT = { trust: 'unendorsed', chain: 'CERTIFICATE_UNTRUSTED' }

  it('the AK of Azure meets every check but that of the root', async () => {
    expect(await akOutcome('azure-ak-nv-padded.der')).toEqual(NO_ROOT)
  })

  it.each(['gce-ak-privateca-ecc.der', 'gce-ak-uca-ecc.der'])(
    'the AK of Google in %s is accepted as one of Google only',
    async (leaf) => {
      expect(await akOutcome(leaf, 'google-compute-engine')).toEqual(NO_ROOT)
      expect(await akOutcome(leaf)).toEqual({ ...NO_ROOT, eku: 'CERTIFICATE_OTHER_PURPOSE' })
    },
  )

  it('the EK of another maker is no AK of Google', async () => {
    expect(await akOutcome('stm-ek-leaf.der', 'google-compute-engine')).toMatchObject({
      eku: 'CERTIFICATE_OTHER_PURPOSE',
    })
  })
})

describe('padding of certificates', () => {
  const whole = der('stm-ek-leaf.der')
  const padded = (...end: number[]) => certificateDer(Buffer.concat([whole, Buffer.from(end)]))

  it.each([[[0]], [[0, 0, 0]], [[0xff, 0xff]], [[0x11, 0x11]], [[0x0a]], [[0x0d, 0x0a]]])(
    '%j is cut',
    (end) => {
      expect(padded(...end)).toEqual(whole)
    },
  )

  it.each([[[0, 0xff]], [[0x0a, 0x0d]], [[0x11, 0x11, 0]], [[0x30, 0x00]]])('%j is not', (end) => {
    expect(padded(...end)).toHaveLength(whole.length + end.length)
  })

  it('is no part of PEM', () => {
    const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.concat([whole, Buffer.of(0)]).toString('base64')}\n-----END CERTIFICATE-----`
    expect(() => parseCertificate(certificateDer(pem))).toThrow(/bytes left over/)
  })
})

describe('event logs of real machines', () => {
  const log = (file: string) => new Uint8Array(realEvidence(file) as Uint8Array)
  const replayed = (file: string) => replayEventLog(parseEventLog(log(file)), 'sha256')
  const appraised = (file: string, options: Omit<MeasuredBootOptions, 'log'> = {}) => {
    const { status, code } = measuredBoot({ log: log(file), ...options }).appraise({
      sha256: replayed(file),
    })
    return `${status} ${code}`
  }

  it('with H-CRTM replays to the PCR 0 of its machine', () => {
    const events = parseEventLog(log('eventlog-hcrtm-tpm2-tss.bin'))
    expect(replayEventLog(events, 'sha1')['0']).toBe('15f4e6ca457d1af6bc49511a93ba3500ad69acc5')
  })

  it.each([
    ['eventlog-hcrtm-tpm2-tss.bin', [0, 1, 2, 3, 4, 5, 6, 7]],
    ['eventlog-dell-windows-wbcl-guard-oss.bin', [0, 1, 2, 3, 4, 5, 6, 7]],
    ['eventlog-dell-windows-wbcl-guard-oss.bin', [0, 11, 12, 13, 14]],
    ['eventlog-gdc-host-go-tpm-tools.bin', [0, 1, 2, 3, 4, 5, 6, 7]],
  ])('%s passes on PCR %j', (file, pcrs) => {
    expect(appraised(file, { pcrs })).toBe('pass EVENTLOG_REPLAYED')
  })

  it('shows the version of a Google host as unproven', () => {
    const proofs: boolean[] = []
    appraised('eventlog-gdc-host-go-tpm-tools.bin', {
      allow: ({ type, isDataProven }) => {
        if (type === 8) proofs.push(isDataProven)
        return true
      },
    })
    expect(proofs).toEqual([false])
  })

  it("with an event of a firmware's own type needs that type to be allowed", () => {
    const file = 'eventlog-type-8401-rust-keylime.bin'
    expect(appraised(file)).toBe('fail EVENTLOG_TYPE_UNKNOWN')
    expect(appraised(file, { allowedEventTypes: [0x8401] })).toBe('pass EVENTLOG_REPLAYED')
  })
})
