import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pinnedAk } from '@nomyo/attest'
import { certifiedBy } from '@nomyo/attest/certify'
import { makeCredential } from '@nomyo/attest/credential'
import { parseAttest, parsePublic, type TpmtPublic } from '@nomyo/attest/structures'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  DEFAULT_AK_HANDLE,
  Tpm,
  certify,
  createPrimary,
  createQuoter,
  flushContext,
  openCredential,
  readEndorsementKey,
  type Credential,
  type Quoter,
} from '../src/index.js'
import { attestationKeyTemplate } from '../src/keys/attestation-key.js'
import { expectCode } from './support/errors.js'
import { countLoaded } from './support/loaded-handles.js'
import { verifySignature } from './support/verify-quote.js'
import { startSwtpm, isInstalled, type Swtpm, temporaryFolder } from '@nomyo-internal/testing'

const NONCE = new Uint8Array(randomBytes(32))

const toolsFound = existsSync('/usr/bin/tpm2_makecredential')
if (!toolsFound) console.info('credential tests skipped: there are no tpm2-tools')

describe.skipIf(!isInstalled('swtpm'))('trust in a long-lived key', () => {
  let swtpm: Swtpm
  let tpm: Tpm
  let quoter: Quoter

  beforeAll(async () => {
    swtpm = await startSwtpm()
    tpm = new Tpm(swtpm.address)
    quoter = await createQuoter({ tpm, pcrs: 'sha256:0' })
  })
  afterAll(async () => {
    await tpm.close()
    await swtpm.stop()
  })

  it('certifies another key of its TPM, which a verifier then trusts', async () => {
    const { certified, signed } = await tpm.exclusive(async (send) => {
      const template = attestationKeyTemplate(randomBytes(32))
      const certified = await createPrimary(send, { hierarchy: 'endorsement', template })
      const { handle } = certified
      const signed = await certify(send, {
        object: handle,
        signer: DEFAULT_AK_HANDLE,
        extraData: NONCE,
      })
      await flushContext(send, handle)
      return { certified, signed }
    })
    verifySignature(signed.attest, signed.signature, quoter.akPublic)
    const { extraData, attested } = parseAttest(signed.attest)
    expect(extraData).toEqual(NONCE)
    expect(attested).toMatchObject({ type: 'certify', name: new Uint8Array(certified.name) })

    const evidence = { ...signed, akPublic: quoter.akPublic }
    const endorsementOf = (name: Uint8Array) =>
      certifiedBy(pinnedAk(quoter.akName), evidence).endorse(
        { publicArea: parsePublic(certified.publicArea), name: new Uint8Array(name) },
        undefined,
      )
    expect(await endorsementOf(certified.name)).toMatchObject({ trust: 'pinned' })
    expect(await endorsementOf(quoter.akName)).toMatchObject({ trust: 'unendorsed' })
  })

  it('is beside an endorsement key of the TCG template', async () => {
    const key = parsePublic(await readEndorsementKey(tpm))
    expect(key).toMatchObject({ type: 'RSA', keyBits: 2048, exponent: 65_537 })
    expect(key.objectAttributes).toBe(0x000300b2)
    expect(await readEndorsementKey(tpm)).toEqual(await readEndorsementKey(tpm))
  })

  describe.each([
    ['@nomyo/attest', true, makeCredential],
    ['tpm2-tools', toolsFound, makeCredentialWithTools],
  ] as const)('with a credential made by %s', (_, found, make) => {
    const secret = new Uint8Array(randomBytes(32))

    it.skipIf(!found)('releases the secret to the key it was made for', async () => {
      const ek = parsePublic(await readEndorsementKey(tpm))
      const credential = await make(ek, quoter.akName, secret)
      const activated = await openCredential(tpm, { object: DEFAULT_AK_HANDLE, ...credential })
      expect(activated).toEqual(secret)
      expect(await tpm.exclusive(countLoaded)).toBe(0)
    })

    it.skipIf(!found)('releases it to no other key, and flushes everything', async () => {
      const ek = parsePublic(await readEndorsementKey(tpm))
      const otherName = Uint8Array.of(0, 0x0b, ...createHash('sha256').digest())
      const credential = await make(ek, otherName, secret)
      await expectCode(
        openCredential(tpm, { object: DEFAULT_AK_HANDLE, ...credential }),
        'ERR_TPM_COMMAND',
        0x1df,
      )
      expect(await tpm.exclusive(countLoaded)).toBe(0)
    })
  })
})

/** TPM2_MakeCredential without a TPM. */
function makeCredentialWithTools(ek: TpmtPublic, name: Uint8Array, secret: Uint8Array): Credential {
  const folder = temporaryFolder()
  const path = (file: string): string => join(folder, file)
  writeFileSync(path('ek'), Uint8Array.of(ek.area.length >> 8, ek.area.length, ...ek.area))
  writeFileSync(path('secret'), secret)
  const names = ['-T', 'none', '-u', path('ek'), '-n', Buffer.from(name).toString('hex')]
  const files = ['-s', path('secret'), '-o', path('credential')]
  execFileSync('tpm2_makecredential', [...names, ...files], { stdio: 'ignore' })
  // A magic number and a version, then the two structures.
  const bytes = new Uint8Array(readFileSync(path('credential'))).subarray(8)
  const idObjectBytes = 2 + (bytes[0]! << 8) + bytes[1]!
  return {
    idObject: bytes.slice(0, idObjectBytes),
    encryptedSecret: bytes.slice(idObjectBytes),
  }
}
